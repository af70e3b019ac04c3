local pattern = require "firewall.pattern"
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

return tests
