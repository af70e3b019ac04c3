-- What the gateway takes off a request and puts on an answer.
local _M = {}

local find = ngx.re.find

-- Headers by which an outsider could speak as a hop, or as us; the ones that the services may trust are set anew.
local SPOOFABLE = "^(?:x-forwarded-|x-internal-|x-original-|x-rewrite-|x-real-ip$|x-client-ip$|x-cluster-client-ip$|forwarded$|true-client-ip$|"
    .. "x-http-method|x-method-override$|proxy$|x-request-id$|traceparent$|connection$)"

-- Removes from the request what only we, or nobody, may say. `headers` has names in lower case.
function _M.strip(headers)
    for name in pairs(headers) do
        if find(name, SPOOFABLE, "jo") then ngx.req.clear_header(name) end
    end
end

local SECURITY = {
    ["X-Content-Type-Options"] = "nosniff",
    ["X-Frame-Options"] = "DENY",
    ["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'",
    ["Referrer-Policy"] = "no-referrer",
    ["Cross-Origin-Resource-Policy"] = "same-origin",
}

-- Puts the security headers on an answer, where the service has not said otherwise, and HSTS when the client came by TLS.
function _M.protect(header, over_tls)
    for name, value in pairs(SECURITY) do
        if not header[name] then header[name] = value end
    end
    if over_tls then header["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains" end
    header["Server"] = nil
    header["X-Powered-By"] = nil
end

-- Allows a browser's cross-origin request when `origins` holds its origin. Returns true when it does.
function _M.cors(header, origin, origins)
    if not origin or not origins[origin] then return false end
    header["Access-Control-Allow-Origin"] = origin
    header["Access-Control-Expose-Headers"] = "Location, ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID"
    header["Cross-Origin-Resource-Policy"] = "cross-origin"
    header["Vary"] = "Origin"
    return true
end

-- Answers a preflight for a route that allows `methods`.
function _M.preflight(header, methods)
    header["Access-Control-Allow-Methods"] = methods
    header["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID, traceparent"
    header["Access-Control-Max-Age"] = 600
    return ngx.exit(204)
end

return _M
