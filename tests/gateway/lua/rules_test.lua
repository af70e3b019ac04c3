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

-- The longest that one expression may look at a text of 16 kB, in seconds of processor time.
local LONGEST = 0.1

local function slow_texts(rule)
    local texts, hit = {}, rule.hit
    for _, part in ipairs({hit, hit:sub(1, -2), hit:sub(1, math.ceil(#hit / 2)), hit:sub(2), (hit:gsub("%w+", "a")), (hit:gsub("%s+", "   "))}) do
        if #part > 0 then texts[#texts + 1] = part:rep(math.floor(16000 / #part)) end
    end
    for _, tail in ipairs({"a", " ", "'", "(", "/", "-", ",", "a ", "a=", "a."}) do texts[#texts + 1] = hit:sub(1, -2) .. tail:rep(math.floor(16000 / #tail)) end
    return texts
end

function tests.no_expression_takes_long_over_texts_made_of_its_own_example()
    local slow = {}
    for _, class in ipairs(score.classes) do
        for _, rule in ipairs(class.rules) do
            for number, text in ipairs(slow_texts(rule)) do
                local started = os.clock()
                ngx.re.find(text, rule.pattern, "ijos")
                if os.clock() - started > LONGEST then slow[#slow + 1] = ("%s %d %.2f s"):format(rule.id, number, os.clock() - started) end
            end
        end
    end
    assert(#slow == 0, table.concat(slow, "\n"))
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
