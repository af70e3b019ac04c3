local forms = require "firewall.forms"
local main = require "firewall.main"
local score = require "firewall.score"
local expect = require "expect"

local tests = {}

-- What texts.arguments reads is what a service reads: a query is plain only when each of its values is.
local function on_wire(text)
    return "a=1&q=" .. text:gsub("[^%w.,@:_ -]", function(one) return ("%%%02x"):format(one:byte()) end):gsub(" ", "+") .. "&b"
end

function tests.words_and_numbers_are_plain()
    for _, query in ipairs({"", "title=alien&limit=20&cursor=abcDEF123", "q=The+Third%20Man", "a&b=&c=1", "at=2026-11-28,x@example.org", "q=Am%C3%A9lie+%d0%94%D0%be%D0%BC"}) do
        expect({query, score.is_plain_query(query)}, {query, true})
    end
end

function tests.what_is_read_in_more_than_one_way_is_not_plain()
    local queries = {"a=1&&b=2", "a=1&", "&a", "a=b=c", "a[b]=c", "a+b=c", "a=%41", "a=%C2%A0", "a=%C3", "a=%A9", "a=%E2%80%99", "%C3%A9=1", "a=<b>", "=x", "a=1;b", ("a=1&"):rep(70) .. "b=1"}
    for _, query in ipairs(queries) do expect({query, score.is_plain_query(query)}, {query, false}) end
end

function tests.nothing_that_a_rule_matches_is_plain()
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            for _, text in ipairs({rule.hit, ngx.encode_base64(rule.hit), (ngx.encode_base64(rule.hit, true):gsub("+", "-"):gsub("/", "_"))}) do
                local context = {where = rule.only or class.only or "query"}
                if #text >= 3 and score.judge(text, context) and context.where ~= "agent" then
                    expect({text, score.is_plain(text), score.is_plain_query(on_wire(text))}, {text, false, false})
                end
            end
        end
    end
end

function tests.of_what_is_plain_a_closer_look_finds_nothing()
    math.randomseed(20261128)
    local parts = {"un", "ion", "sel", "ect", " ", "+", "-", "--", "or", "and", "1", "23", ".", "..", ",", ":", "set", "net", "x", "_", "@", "sys", "a", "%20"}
    for _ = 1, 20000 do
        local query = "q="
        for _ = 1, math.random(8) do query = query .. parts[math.random(#parts)] end
        if score.is_plain_query(query) then
            local value = query:sub(3):gsub("+", " "):gsub("%%20", " ")
            expect({query, score.is_plain(value) or #value < 3, forms.base64(value)}, {query, true})
        end
    end
end

-- In the place of a user agent, texts are looked at closely even when they are plain. Returns the rules that make one an attack.
local function attack(text)
    local finding, named = score.judge(text, {where = "agent"}), {}
    if not finding or finding.score < score.THRESHOLD then return nil end
    for index, rule in ipairs(finding.rules) do named[index] = rule.id end
    return finding.rules[1].class ~= "scanner" and table.concat(named, " ") or nil
end

function tests.letters_of_two_bytes_hide_no_attack_that_a_closer_look_would_find()
    math.randomseed(11)
    local words, joints = {}, {" ", " ", "é", " é", "é ", ", ", "я", "-é", ":é", "é.", "é@"}
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            for word in (rule.hit .. " " .. rule.miss):gmatch("%w+") do words[#words + 1] = word end
        end
    end
    local looked = 0
    for _ = 1, 30000 do
        local text = words[math.random(#words)]
        for _ = 1, math.random(4) do text = text .. joints[math.random(#joints)] .. words[math.random(#words)] end
        if text:find("[\128-\255]") and score.is_plain(text) then
            -- What is passed over with blanks in the letters' place is passed over for its words.
            if not score.is_plain((text:gsub("[\128-\255]+", " "))) then
                looked = looked + 1
                expect({text, attack(text)}, {text, nil})
            end
        end
    end
    assert(looked > 50, looked)
end

function tests.what_may_be_base64_of_a_text_is_seen_as_the_decoder_sees_it()
    math.randomseed(7)
    local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_ -"
    local function random_text()
        if math.random(2) == 1 then
            local made = {}
            for index = 1, math.random(30) do made[index] = string.char(math.random(4) == 1 and math.random(0, 255) or math.random(32, 126)) end
            return (ngx.encode_base64(table.concat(made), true):gsub("+", "-"):gsub("/", "_"))
        end
        local made = {}
        for index = 1, math.random(8, 14) do
            local at = math.random(#alphabet)
            made[index] = alphabet:sub(at, at)
        end
        return table.concat(made)
    end
    local encoded = 0
    for _ = 1, 30000 do
        local text = random_text()
        if score.is_words(text) then
            local decoded = forms.base64(text) ~= nil
            encoded = encoded + (decoded and 1 or 0)
            expect({text, score.is_plain(text)}, {text, not decoded})
        end
    end
    assert(encoded > 100, encoded)
end

function tests.a_path_with_another_number_in_it_is_judged_alike()
    local function attacks(path)
        return main.inspect({path = path, headers = {}}).attack
    end
    expect({attacks("/films/12/opinions"), attacks("/films/34/opinions")}, {false, false})
    expect({attacks("/proc/12/environ"), attacks("/proc/34/environ")}, {true, true})
    expect({attacks("/films/12/../34"), attacks("/films/34/etc/passwd"), attacks("/films/34/opinions")}, {true, true, false})
end

return tests
