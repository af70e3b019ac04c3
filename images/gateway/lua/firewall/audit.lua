-- What is written down about a request that the firewall took against: enough to write an exclusion, nothing to leak.
local cjson = require "cjson.safe"

local _M = {}

-- Returns what a rule matched with long runs of letters and digits cut short: they may be secrets.
function _M.redacted(fragment)
    fragment = fragment:sub(1, 96):gsub("[%w_%-]+", function(run)
        return #run > 16 and run:sub(1, 3) .. "..." or nil
    end)
    return (fragment:gsub("[%w._-]+@[%w.-]+", "...@..."):gsub("[%c\127-\255]", "."))
end

-- Returns one line of JSON on `verdict` (see firewall.main).
function _M.line(verdict, request)
    local rules = {}
    for index, rule in ipairs(verdict.rules) do
        rules[index] = {id = rule.id, class = rule.class, score = rule.score, matched = _M.redacted(rule.fragment)}
    end
    return cjson.encode({
        time = ngx.utctime():gsub(" ", "T") .. "Z", kind = "audit", request_id = request.id, client = request.client,
        client_id = request.client_id, method = _M.redacted(request.method), path = _M.redacted(request.path), route = request.route,
        action = verdict.action, score = verdict.score, where = verdict.where, name = _M.redacted(verdict.name), rules = rules,
    })
end

return _M
