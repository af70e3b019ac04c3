-- Who asks: the client that a token names. Nothing a client says is believed unless it is well formed. (Request id, trace context and
-- addresses are nginx.conf's.)
local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"

local _M = {}

local find = ngx.re.find
local clients = lrucache.new(1000)
local NOBODY = ""

local CLIENT_ID = "^[A-Za-z0-9._-]{1,64}$"

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

return _M
