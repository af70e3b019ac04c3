-- Counters and latencies, written out as Prometheus text. Each worker counts by itself and adds to the shared dictionary
-- `metrics` once a second.
local _M = {}

local BOUNDS = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
local TYPES = {
    gateway_requests_total = "counter", gateway_blocked_total = "counter", gateway_limited_total = "counter",
    gateway_request_seconds = "histogram", gateway_dropped_total = "counter",
}

-- What this worker has counted since it last added it to the dictionary that all workers share.
local pending = {}

-- Adds what was counted to the shared dictionary. One that is full drops the new series, never an old one.
function _M.flush()
    local dict = ngx.shared.metrics
    for key, amount in pairs(pending) do
        if not dict:incr(key, amount) then
            dict:safe_add(key, 0)
            dict:incr(key, amount)
        end
    end
    pending = {}
end

local function add(key, amount)
    pending[key] = (pending[key] or 0) + amount
end

-- Counts one. `labels` is text such as limit="address".
function _M.count(name, labels)
    add(name .. "{" .. labels .. "}", 1)
end

-- The names of a service's series, put together once: service -> {count, sum, buckets, status -> requests}.
local series = setmetatable({}, {__index = function(all, service)
    local label = 'service="' .. service .. '"'
    local made = {
        count = "gateway_request_seconds_count{" .. label .. "}", sum = "gateway_request_seconds_sum{" .. label .. "}",
        buckets = {}, requests = {}, label = label,
    }
    for index, bound in ipairs(BOUNDS) do made.buckets[index] = "gateway_request_seconds_bucket{" .. label .. ',le="' .. bound .. '"}' end
    all[service] = made
    return made
end})

-- Notes down a finished request of `service`: its status, and the seconds that it took.
function _M.observe(service, status, seconds)
    local names = series[service]
    local requests = names.requests[status]
    if not requests then
        requests = "gateway_requests_total{" .. names.label .. ',status="' .. status .. '"}'
        names.requests[status] = requests
    end
    add(requests, 1)
    add(names.count, 1)
    add(names.sum, seconds)
    -- Nearly every request is quicker than the first bound.
    local index = 1
    while index <= #BOUNDS and seconds > BOUNDS[index] do index = index + 1 end
    if index <= #BOUNDS then add(names.buckets[index], 1) end
end

-- Buckets are counted apart and added up here, as the format wants them cumulative.
local function histogram(dict, service, lines)
    local label, total = 'service="' .. service .. '"', 0
    for _, bound in ipairs(BOUNDS) do
        local series = "gateway_request_seconds_bucket{" .. label .. ',le="' .. bound .. '"}'
        total = total + (dict:get(series) or 0)
        lines[#lines + 1] = series .. " " .. total
    end
    local count = dict:get("gateway_request_seconds_count{" .. label .. "}") or 0
    lines[#lines + 1] = "gateway_request_seconds_bucket{" .. label .. ',le="+Inf"} ' .. count
    lines[#lines + 1] = "gateway_request_seconds_sum{" .. label .. "} " .. (dict:get("gateway_request_seconds_sum{" .. label .. "}") or 0)
    lines[#lines + 1] = "gateway_request_seconds_count{" .. label .. "} " .. count
end

-- Returns everything counted so far, in the Prometheus text format.
function _M.text()
    _M.flush()
    local dict = ngx.shared.metrics
    local series, services = {}, {}
    for _, key in ipairs(dict:get_keys(0)) do
        local service = key:match('^gateway_request_seconds_count{service="([^"]*)"}')
        if service then services[#services + 1] = service end
        if not key:find("gateway_request_seconds", 1, true) then series[#series + 1] = key end
    end
    table.sort(series)
    table.sort(services)
    local lines, seen = {}, nil
    for _, key in ipairs(series) do
        local name = key:match("^[^{]+")
        if name ~= seen then lines[#lines + 1] = "# TYPE " .. name .. " " .. (TYPES[name] or "counter") end
        seen = name
        lines[#lines + 1] = key .. " " .. (dict:get(key) or 0)
    end
    lines[#lines + 1] = "# TYPE gateway_request_seconds histogram"
    for _, service in ipairs(services) do histogram(dict, service, lines) end
    return table.concat(lines, "\n") .. "\n"
end

return _M
