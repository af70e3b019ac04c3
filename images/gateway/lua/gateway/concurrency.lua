-- How many requests of a service are under way, over all workers. Each worker counts its own, so that one that is restarted
-- starts from nothing and leaks nothing.
local _M = {}

-- service -> {this worker's key, the keys of all others}
local keys = {}

local function key(service, worker)
    return "under way:" .. service .. ":" .. worker
end

-- Forgets what this worker's predecessor had under way. Call it when a worker starts.
function _M.reset(dict, services)
    for name in pairs(services) do
        local own, others = key(name, ngx.worker.id()), {}
        for worker = 0, ngx.worker.count() - 1 do
            if worker ~= ngx.worker.id() then others[#others + 1] = key(name, worker) end
        end
        keys[name] = {own = own, others = others}
        dict:set(own, 0)
    end
end

-- Counts one request in; returns true, or false (and counts nothing) when `most` are under way already.
function _M.enter(dict, service, most)
    local known = keys[service]
    local total = dict:incr(known.own, 1, 0) or 0
    for index = 1, #known.others do total = total + (dict:get(known.others[index]) or 0) end
    if total <= most then return true end
    _M.leave(dict, service)
    return false
end

-- Counts one request out.
function _M.leave(dict, service)
    dict:incr(keys[service].own, -1, 0)
end

return _M
