-- The life of a request, one function a phase of nginx: identify, inspect, route, limit, forward; then answer and log.
local answer = require "gateway.answer"
local cjson = require "cjson.safe"
local concurrency = require "gateway.concurrency"
local guard = require "gateway.guard"
local hygiene = require "gateway.hygiene"
local identity = require "gateway.identity"
local json = require "firewall.json"
local limits = require "gateway.limits"
local logged = require "gateway.logged"
local metrics = require "gateway.metrics"
local page = require "gateway.page"
local positive = require "gateway.positive"
local problem = require "gateway.problem"
local routes = require "gateway.routes"
local settings = require "gateway.settings"
local upstreams = require "gateway.upstreams"

local _M = {}

local find, sub = string.find, string.sub
local ROUTES = "/usr/share/gateway/routes.json"
-- More headers than this are refused, not passed on uninspected.
local MAX_HEADERS = 100
-- What the gateway answers itself, health and the page's files, is only read.
local OWN = {allow = "GET, HEAD"}
local nameserver, options, known, shown, address_limit, crosses_origins
local hosts = {}

local function read_routes(tasks)
    local file = assert(io.open(ROUTES))
    local text = file:read("*a")
    file:close()
    return routes.prepare(assert(cjson.decode(text)), tasks)
end

-- Reads settings and routes, once, before the workers start.
function _M.init(server)
    nameserver, options = server, settings.read()
    known = read_routes(options.tasks)
    shown, crosses_origins = page.load(options), next(options.cors_origins) ~= nil
    address_limit = limits.share(options.address_rate, options.tasks)
    for name in pairs(known.services) do hosts[name] = name .. "." .. options.internal_domain end
end

-- Starts following the services' addresses.
function _M.init_worker()
    local names = {}
    for name in pairs(known.services) do names[#names + 1] = hosts[name] end
    ngx.timer.every(1, metrics.flush)
    concurrency.reset(ngx.shared.underway, known.services)
    upstreams.follow(nameserver, names)
end

-- Returns the request's headers by name in lower case, and why some were left out when some were.
local function read_headers()
    local headers, why = ngx.req.get_headers(MAX_HEADERS)
    -- Its metatable looks for other spellings of each name that is not there.
    return setmetatable(headers, nil), why
end

-- Returns path and query (nil when there is none) as on the wire.
local function split(target)
    local at = find(target, "?", 1, true)
    if not at then return target end
    return sub(target, 1, at - 1), sub(target, at + 1)
end

local function identify(var, headers)
    local client = identity.client_id(headers["authorization"])
    if client ~= "" then var.gw_client_id = client end
    return client
end

local function refuse_limited(var, limit, wait, name)
    var.gw_limited = name
    metrics.count("gateway_limited_total", 'limit="' .. name .. '"')
    limits.announce(ngx.header, limit, 0, wait)
    return problem.send(429, "More requests than this client may make; wait as many seconds as Retry-After says.")
end

-- Holds one client to `limit`; `name` says in the log whose limit it is. Returns whether the request may go on, and the cursor.
local function within(var, limit, key, name)
    local admitted, cursor = limits.take(ngx.shared.limits, key, limit)
    if admitted then return true, cursor end
    if admitted == false then return refuse_limited(var, limit, cursor, name) and false end
    ngx.log(ngx.ERR, "the dictionary of limits is full")
    return problem.send(503) and false
end

-- Keeps one address from flooding the gateway, whatever it asks for and whoever it says it is.
local function floods(var, address)
    local admitted, wait = limits.count(ngx.shared.addresses, address, address_limit, ngx.now(), ngx.worker.count())
    return not admitted and (refuse_limited(var, address_limit, wait, "address") or true)
end

local function forward(var, service, headers)
    local host = hosts[service]
    local ready, why = upstreams.ready(host)
    if not ready then
        ngx.log(ngx.ERR, "no address of ", host, ": ", why)
        return problem.send(503)
    end
    if not concurrency.enter(ngx.shared.underway, service, options.max_concurrency) then
        var.gw_limited = "concurrency"
        ngx.header["Retry-After"] = 1
        metrics.count("gateway_limited_total", 'limit="concurrency"')
        return problem.send(503, "The service has as many requests under way as it takes; try again in a second.")
    end
    hygiene.keep_uncompressed(headers)
    var.gw_service = service
end

-- Holds a client to the limits of the service and of the operation.
local function within_limits(var, route, operation, client)
    local limit = known.services[route.service].limit
    local key, name = route.service .. ":" .. client, route.service
    local admitted, cursor = within(var, limit, key, name)
    if admitted and operation.limit then
        limit, key, name = operation.limit, operation.id .. "=" .. client, operation.id
        admitted, cursor = within(var, limit, key, name)
    end
    if admitted then limits.announce(ngx.header, limit, limits.remaining(ngx.shared.limits, key, limit, cursor)) end
    return admitted
end

local function refuse_method(var, route, headers)
    local header = ngx.header
    if var.request_method == "OPTIONS" and headers["access-control-request-method"] and options.cors_origins[headers.origin] then
        return hygiene.preflight(header, route.allow)
    end
    header["Allow"] = route.allow
    return problem.send(405, "This path allows " .. route.allow .. ".")
end

local function is_own(path)
    return path == "/health" or shown.resources[path] ~= nil
end

-- Answers where no service is asked: at the gateway's own paths and at nobody's, and for a method that a path does not allow.
local function answer_itself(var, path, method, headers, route)
    if not is_own(path) then
        if not route then return problem.send(404) end
        return refuse_method(var, route, headers)
    end
    if method ~= "GET" and method ~= "HEAD" then return refuse_method(var, OWN, headers) end
    if path == "/health" then return answer.health() end
    return page.send(shown, shown.resources[path], headers["if-none-match"])
end

-- Inspects a request whose route (if any) is known. Returns true when it was refused and answered.
local function refused(var, path, query, headers, operation, why)
    local mode = operation and operation.mode or options.mode
    local request = guard.request(path, query, headers, operation, why)
    if not request then return problem.send(413) or true end
    local done, read, unread = false, nil, nil
    if mode ~= "off" then
        done, read, unread = guard.refuses(var, request, mode)
    elseif request.body then
        read, unread = json.read(request.body)
    end
    return done, request, read, unread
end

-- The access phase: decides whether a request goes to a service, and to which.
function _M.admit()
    local var = ngx.var
    local headers, why = read_headers()
    local client, address = identify(var, headers), var.remote_addr
    hygiene.strip(headers)
    local method, path, query = ngx.req.get_method(), split(var.request_uri or "")
    if floods(var, address) then return end
    -- HTTP/0.9 has no headers.
    if not headers.host and ngx.req.http_version() < 1 then return problem.send(400) end
    if path == "/health" and not query and (method == "GET" or method == "HEAD") then return answer.health() end

    local route, operation = routes.find(known, method, path)
    if route then var.gw_route = route.path end
    local done, request, read, unread = refused(var, path, query, headers, operation, why)
    if done then return end
    if not operation or is_own(path) then return answer_itself(var, path, method, headers, route) end
    if not within_limits(var, route, operation, client .. "@" .. address .. ":") then return end
    if positive.refuses(operation, request, read, unread) then return end
    return forward(var, route.service, headers)
end

-- Chooses the address of the service.
function _M.balance()
    upstreams.balance(hosts[ngx.var.gw_service])
end

-- nginx refuses some requests before any phase of ours, such as one whose path climbs above the root: an attack all the same.
local function attacks(var, target, headers)
    if not target or options.mode == "off" then return false end
    local path, query = split(target)
    var.gw_path = path
    return guard.refuses(var, {path = path, query = query, headers = headers}, options.mode)
end

-- TRACE and CONNECT find what every method finds that a path does not allow.
local function refuse_early(var, method, headers)
    if attacks(var, var.request_uri, headers) then return end
    local path = split(var.request_uri)
    local route = routes.find(known, method, path)
    if route then var.gw_route = route.path end
    return answer_itself(var, path, method, headers, route)
end

-- Answers an error that nginx itself found.
function _M.problem()
    local var, headers = ngx.var, read_headers()
    if var.gw_client_id == "" then identify(var, headers) end
    local line = var.request or ""
    local method = line:match("^([%u_-]+) ")
    -- What nginx has made of it by now is a GET of this very document.
    if method then var.gw_asked_method = method end
    if ngx.status == 400 and attacks(var, line:match("^%S+ (%S+)"), {}) then return end
    if ngx.status == 405 then return refuse_early(var, method, headers) end
    if ngx.status == 503 or ngx.status == 502 then ngx.header["Retry-After"] = 1 end
    return problem.send(ngx.status)
end

-- The header of every answer.
function _M.headers()
    return answer.headers(crosses_origins and options.cors_origins)
end

-- The body of every answer.
_M.body = answer.body

-- Counts a finished request; its line is written after this.
function _M.log()
    local var = ngx.var
    local service = var.gw_service
    if service ~= "" then concurrency.leave(ngx.shared.underway, service) end
    metrics.observe(service, ngx.status, ngx.now() - ngx.req.start_time())
    logged.cut(var)
end

-- Saves what a worker that ends has counted.
_M.exit_worker = metrics.flush

-- Answers the collector.
function _M.metrics()
    ngx.header["Content-Type"] = "text/plain; version=0.0.4"
    ngx.print(metrics.text())
end

return _M
