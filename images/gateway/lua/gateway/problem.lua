-- Error answers as application/problem+json (RFC 9457). Every error that leaves the gateway is made here.
local cjson = require "cjson.safe"

local _M = {}

local TITLES = {
    [400] = "Bad Request", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
    [408] = "Request Timeout", [411] = "Length Required", [413] = "Content Too Large", [414] = "URI Too Long",
    [415] = "Unsupported Media Type", [421] = "Misdirected Request", [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [501] = "Not Implemented",
    [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout", [505] = "HTTP Version Not Supported",
}

local DETAILS = {
    [400] = "The request is not well-formed HTTP.",
    [404] = "There is nothing at this path.",
    [405] = "This method is not allowed.",
    [408] = "The request took too long to arrive.",
    [413] = "The body is longer than the gateway takes.",
    [414] = "The request line is longer than the gateway takes.",
    [431] = "The header is longer than the gateway takes.",
    [500] = "Something failed that is not the request's fault.",
    [502] = "The service gave no usable answer.",
    [503] = "The service cannot answer now; try again later.",
    [504] = "The service did not answer in time.",
}

-- Returns the body of an error answer; `detail` may be nil.
function _M.text(status, detail)
    return cjson.encode({
        type = "about:blank",
        title = TITLES[status] or "Error",
        status = status,
        detail = detail or DETAILS[status],
        request_id = ngx.var.gw_request_id,
    }) .. "\n"
end

-- Answers with `status` and ends the request. Usable before the content phase and in it.
function _M.send(status, detail)
    local text = _M.text(status, detail)
    ngx.status = status
    ngx.header["Content-Type"] = "application/problem+json"
    ngx.header["Content-Length"] = #text
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(text)
    return ngx.exit(ngx.OK)
end

return _M
