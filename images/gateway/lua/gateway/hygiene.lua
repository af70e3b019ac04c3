-- What the gateway takes off a request, and whom it lets read the answers.
local memo = require "firewall.memo"

local _M = {}

local find = ngx.re.find

-- Headers by which an outsider could speak as a hop, or as us. Those that nginx.conf sets anew for the services need not be taken
-- off: Connection, X-Forwarded-For, -Proto and -Host, X-Request-ID, traceparent.
local SPOOFABLE = "^(?:x-forwarded-(?!(?:for|proto|host)$)|x-internal-|x-original-|x-rewrite-|x-real-ip$|x-client-ip$|x-cluster-client-ip$|forwarded$|true-client-ip$|"
    .. "x-http-method|x-method-override$|proxy$)"

-- Whether a header's name is one of these; names repeat, so each is looked at once.
local known, learn = memo.new(250)

local function is_spoofable(name)
    local answer = known(name)
    if answer == nil then
        answer = find(name, SPOOFABLE, "jo") ~= nil
        learn(name, answer)
    end
    return answer
end

-- Removes from the request what only we, or nobody, may say. `headers` has names in lower case.
function _M.strip(headers)
    for name in pairs(headers) do
        if is_spoofable(name) then ngx.req.clear_header(name) end
    end
end

-- Whether there are credentials that a browser sends by itself, whoever's page makes it ask: cookies, and any scheme that it keeps a
-- password or a ticket for. A bearer token is never sent by itself.
local function are_sent_unasked(headers)
    local credentials = headers["authorization"]
    if headers["cookie"] then return true end
    return credentials ~= nil and not (type(credentials) == "string" and find(credentials, "^bearer ", "joi"))
end

-- Lets nobody compress the answer to a request with such credentials, neither nginx nor the service: by the length, a page of an
-- attacker's could learn what it holds (BREACH, CVE-2013-3587).
function _M.keep_uncompressed(headers)
    if headers["accept-encoding"] and are_sent_unasked(headers) then ngx.req.clear_header("Accept-Encoding") end
end

-- Adds to the words by which the answer varies; a service's own stay.
local function vary(header, word)
    local said = header["Vary"]
    if type(said) == "table" then said[#said + 1] = word end
    header["Vary"] = type(said) == "table" and said or said and {said, word} or word
end

-- Allows a browser's cross-origin request when `origins` holds its origin. Returns true when it does.
function _M.cors(header, origin, origins)
    -- A cache should not give to one origin what was said to another, or to none.
    vary(header, "Origin")
    if not origin or not origins[origin] then return false end
    header["Access-Control-Allow-Origin"] = origin
    header["Access-Control-Expose-Headers"] = "Location, ETag, Link, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, X-Request-ID"
    ngx.var.gw_resource_policy = "cross-origin"
    return true
end

-- Answers a preflight for a route that allows `methods`.
function _M.preflight(header, methods)
    header["Access-Control-Allow-Methods"] = methods
    header["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, traceparent"
    header["Access-Control-Max-Age"] = 600
    return ngx.exit(204)
end

return _M
