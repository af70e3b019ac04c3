-- How many requests of a service are under way, over all workers. Each worker counts its own, so that one that is restarted
-- starts from nothing and leaks nothing.
local _M = {}

local function key(service, worker)
    return "under way:" .. service .. ":" .. worker
end

-- Forgets what this worker's predecessor had under way. Call it when a worker starts.
function _M.reset(dict, services)
    for name in pairs(services) do dict:set(key(name, ngx.worker.id()), 0) end
end

-- Counts one request in; returns true, or false (and counts nothing) when `most` are under way already.
function _M.enter(dict, service, most)
    dict:incr(key(service, ngx.worker.id()), 1, 0)
    local total = 0
    for worker = 0, ngx.worker.count() - 1 do total = total + (dict:get(key(service, worker)) or 0) end
    if total <= most then return true end
    _M.leave(dict, service)
    return false
end

-- Counts one request out.
function _M.leave(dict, service)
    dict:incr(key(service, ngx.worker.id()), -1, 0)
end

return _M
