-- Who asks, and under which ids: request id, trace context, client. Nothing a client says is believed unless it is well formed.
local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"

local _M = {}

local find = ngx.re.find
local match = ngx.re.match
local clients = lrucache.new(1000)
local NOBODY = ""

local REQUEST_ID = "^[A-Za-z0-9._-]{8,128}$"
-- https://www.w3.org/TR/trace-context/#traceparent-header
local TRACEPARENT = "^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$"
local CLIENT_ID = "^[A-Za-z0-9._-]{1,64}$"

-- Returns the caller's request id when well formed, else `fresh` (32 hexadecimal digits).
function _M.request_id(given, fresh)
    if type(given) == "string" and find(given, REQUEST_ID, "jo") then return given end
    return fresh
end

-- Returns a traceparent: the caller's trace with a parent id of our own, else a trace of our own. `fresh` is 32 hexadecimal digits.
function _M.traceparent(given, fresh)
    local found = type(given) == "string" and match(given, TRACEPARENT, "jo")
    local trace, flags = fresh, "01"
    if found then trace, flags = found[1], found[2] end
    return "00-" .. trace .. "-" .. fresh:sub(9, 24) .. "-" .. flags
end

local function claimed(token)
    local payload = token:match("^[%w_-]+%.([%w_-]+)%.[%w_-]+$")
    local claims = payload and cjson.decode(base64.decode_base64url(payload) or "")
    local id = type(claims) == "table" and (claims.client_id or claims.sub)
    if type(id) == "string" and find(id, CLIENT_ID, "jo") then return id end
    return NOBODY
end

-- Returns the client id that an Authorization header's bearer token names, or "". The signature is for the services to
-- check: here the id only separates rate limits, always together with the client's address.
function _M.client_id(authorization)
    if type(authorization) ~= "string" or #authorization > 8192 then return NOBODY end
    local token = authorization:match("^[Bb]earer +(%S+)$")
    if not token then return NOBODY end
    local id = clients:get(token)
    if not id then
        id = claimed(token)
        clients:set(token, id, 60)
    end
    return id
end

-- Returns X-Forwarded-For for the services: the client, then the hop that spoke to us when it is another.
function _M.forwarded_for(client, peer)
    if client == peer then return client end
    return client .. ", " .. peer
end

return _M
