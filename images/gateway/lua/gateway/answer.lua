-- What leaves the gateway: the header of every answer, in the place of what a failing service says a problem document, and health.
local hygiene = require "gateway.hygiene"
local problem = require "gateway.problem"

local _M = {}

-- What a service says of a body that is replaced: of the one that is sent it is not true.
local OF_BODY = {
    "Content-Encoding", "Content-Language", "Content-Location", "Content-Disposition", "Content-Range", "Content-Digest", "Repr-Digest",
    "Accept-Ranges", "ETag", "Last-Modified",
}

-- Completes the header; what is the same on all answers is in nginx.conf. `origins` (false for none) may read answers in browsers. A
-- service's own 5xx body is marked to be replaced.
function _M.headers(origins)
    local header = ngx.header
    header["Server"] = nil
    if origins then hygiene.cors(header, ngx.var.http_origin, origins) end
    if ngx.status >= 500 and ngx.var.gw_service ~= "" then
        for _, name in ipairs(OF_BODY) do header[name] = nil end
        ngx.ctx.replacement = problem.text(ngx.status)
        header["Content-Type"] = "application/problem+json"
        header["Content-Length"] = #ngx.ctx.replacement
    end
end

-- Replaces the body where that was marked: what a failing service says stays inside.
function _M.body()
    if ngx.status < 500 then return end
    local text = ngx.ctx.replacement
    if not text then return end
    ngx.arg[1] = nil
    if ngx.arg[2] then ngx.arg[1] = text end
end

-- Answers GET /health at the edge: this gateway runs. It says nothing of the services behind it.
function _M.health()
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Content-Length"] = 16
    ngx.print('{"status":"ok"}\n')
    return ngx.exit(ngx.OK)
end

return _M
