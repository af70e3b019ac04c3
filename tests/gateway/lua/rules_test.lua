local score = require "firewall.score"

local tests = {}

local function matches(rule, text)
    local from, _, why = ngx.re.find(text, rule.pattern, "ijos")
    assert(not why, rule.id .. ": " .. tostring(why))
    return from ~= nil
end

function tests.every_rule_matches_its_example_and_not_its_counterexample()
    local faults = {}
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            if not matches(rule, rule.hit) then faults[#faults + 1] = rule.id .. " misses " .. rule.hit end
            if matches(rule, rule.miss) then faults[#faults + 1] = rule.id .. " takes " .. rule.miss end
        end
    end
    assert(#faults == 0, table.concat(faults, "\n"))
end

function tests.every_gate_lets_through_what_its_rules_match()
    local faults = {}
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            local from, _, why = ngx.re.find(rule.hit, class.gate, "ijo")
            if not from then faults[#faults + 1] = rule.id .. ": " .. rule.hit .. (why and ": " .. why or "") end
        end
    end
    assert(#faults == 0, table.concat(faults, "\n"))
end

function tests.every_rule_has_an_id_of_its_own_and_a_score()
    local seen = {}
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            assert(not seen[rule.id], rule.id .. " stands twice")
            assert(rule.score >= 1 and rule.score <= 5 and rule.prose <= rule.score, rule.id)
            seen[rule.id] = true
        end
    end
end

local function seconds(text)
    local started = os.clock()
    score.judge(text, {where = "query"})
    return os.clock() - started
end

function tests.no_text_takes_long()
    local parts = {"'", "a", " ", "(", "<", "select ", "or ", "/*", "../", "{{", "${", "%25", "&#x", "a=", "-", "\\", "<a ", "1 and ", ";", "|", "`", ",(", "()", "* ", "on", "$(", "'or "}
    local slow = {}
    for _, part in ipairs(parts) do
        local took = seconds(part:rep(math.floor(20000 / #part)))
        if took > 0.25 then slow[#slow + 1] = ("%q %.2f s"):format(part, took) end
    end
    assert(#slow == 0, table.concat(slow, "\n"))
end

return tests
