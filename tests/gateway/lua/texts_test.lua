local main = require "firewall.main"
local texts = require "firewall.texts"
local expect = require "expect"

local tests = {}

function tests.entity_tags_are_read_from_a_list_of_them()
    expect(texts.tags('"v1"'), {"v1"})
    expect(texts.tags('W/"a", "b,c" ,W/""'), {"a", "b,c", ""})
    expect(texts.tags(', "a",,\t"\195\169\255" ,'), {"a", "\195\169\255"})
    expect(texts.tags(""), {})
end

function tests.what_is_no_list_of_entity_tags_is_not_read_as_one()
    for _, text in ipairs({"*", "v1", '"a', 'a"', '"a" "b"', '"a""b"', '"a b"', 'w/"a"', '/"a"', 'W/', 'W/ "a"', '"a";', '"a", b', '"\127"', '"a\n"', '"a"W/'}) do
        expect({text, texts.tags(text)}, {text, nil})
    end
end

function tests.more_entity_tags_than_anybody_sends_are_not_read_one_by_one()
    expect(#texts.tags(('"a",'):rep(200)), 200)
    expect(texts.tags(('"a",'):rep(201)), nil)
end

local function attacks(name, value)
    return main.inspect({path = "/films", headers = {[name] = value}}).attack
end

function tests.each_tag_of_a_list_is_looked_at_by_itself_and_what_is_no_list_as_a_whole()
    for _, name in ipairs({"if-match", "if-none-match"}) do
        expect({attacks(name, '">", "="'), attacks(name, '"<b", "onclick=alert(1)>"')}, {false, true})
        expect({attacks(name, '"a", "<script>alert(1)</script>", "b"'), attacks(name, '"a", W/"{{7*7}}"')}, {true, true})
        expect({attacks(name, '" or "1"="1'), attacks(name, '"a" <script>alert(1)</script>')}, {true, true})
    end
    expect({attacks("if-range", '">"'), attacks("if-range", "Sat, 28 Nov 2026 09:00:00 GMT")}, {false, false})
    expect(attacks("x-tag", '">"'), true)
end

return tests
