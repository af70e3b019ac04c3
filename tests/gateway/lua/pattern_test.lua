local pattern = require "firewall.pattern"
local score = require "firewall.score"
local expect = require "expect"

local tests = {}

function tests.a_pattern_finds_what_ngx_re_finds()
    for _, case in ipairs({{"b+", "abbc"}, {"^b", "abc"}, {"B", "abc"}, {"(a)(x)?", "zab"}, {"", "abc"}, {"a.c", "a\nc"}}) do
        for _, options in ipairs({"j", "ij", "ijs"}) do
            local found = pattern.new(case[1], options)
            expect({pattern.find(found, case[2])}, {ngx.re.find(case[2], case[1], options)})
            expect(pattern.matches(found, case[2]), ngx.re.find(case[2], case[1], options) ~= nil)
        end
    end
end

function tests.an_expression_that_gives_up_says_so_and_counts_as_a_match()
    local endless = pattern.new("(?:a+)+$", "")
    local from, _, why = pattern.find(endless, ("a"):rep(40) .. "b")
    expect({from, why ~= nil, pattern.matches(endless, ("a"):rep(40) .. "b")}, {nil, true, true})
end

function tests.alternatives_put_together_by_their_first_letter_match_the_same()
    local expression = "union|[u|]x|up(?:a|b)d|u?z|select\\s|s[|(]y|\\|q|(?:u|v)w|@@|s"
    expect(pattern.grouped(expression), "[u|]x|u?z|\\|q|(?:u|v)w|@@|s|u(?:nion|p(?:a|b)d)|s(?:elect\\s|[|(]y)")
end

function tests.every_gate_put_together_lets_the_same_through()
    local plain, grouped, texts = {}, {}, {}
    for _, class in ipairs(score.classes) do
        plain[#plain + 1], grouped[#grouped + 1] = pattern.new(class.gate, "ij"), pattern.new(pattern.grouped(class.gate), "ij")
        for _, rule in ipairs(class.rules) do
            texts[#texts + 1] = rule.hit
            texts[#texts + 1] = rule.miss
        end
    end
    for _, text in ipairs(texts) do
        for index = 1, #plain do expect({text, pattern.matches(grouped[index], text)}, {text, pattern.matches(plain[index], text)}) end
    end
end

return tests
