-- Puts the firewall in front of every path: reads the request for it, and acts on its verdict as the mode says.
local audit = require "firewall.audit"
local firewall = require "firewall.main"
local metrics = require "gateway.metrics"
local problem = require "gateway.problem"

local _M = {}

-- Reads the body into memory. Returns it (nil when there is none) or nil and true when it did not fit: nothing is inspected
-- half, and nothing is read from a file.
local function body_of(headers)
    if not headers["content-length"] and not headers["transfer-encoding"] then return nil end
    ngx.req.read_body()
    if ngx.req.get_body_file() then return nil, true end
    return ngx.req.get_body_data()
end

-- Whether a header that means something only once was sent twice.
local function is_repeated(headers)
    return type(headers["content-type"]) == "table" or type(headers["content-length"]) == "table"
        or type(headers["content-encoding"]) == "table" or type(headers["authorization"]) == "table"
        or type(headers["user-agent"]) == "table" or type(headers["transfer-encoding"]) == "table"
end

local function truncated(headers, why)
    if why then return "headers" end
    return is_repeated(headers) and "repeated-header" or nil
end

-- Returns the request as the firewall wants it, or nil when its body does not fit into memory.
function _M.request(path, query, headers, operation, why)
    local body, spilled = body_of(headers)
    if spilled then return nil end
    return {
        path = path, query = query, headers = headers, truncated = truncated(headers, why), body = body,
        content_type = type(headers["content-type"]) == "string" and headers["content-type"] or "",
        prose = operation and operation.prose, exclude = operation and operation.exclude, fields = operation and operation.fields,
    }
end

local function note(var, verdict, action)
    verdict.action = action
    local first = verdict.rules[1]
    var.gw_firewall = action .. " " .. first.id .. " " .. verdict.score
    var.gw_audit = audit.line(verdict, {
        id = var.gw_request_id, client = var.remote_addr, client_id = var.gw_client_id, method = var.gw_asked_method,
        path = var.gw_path, route = var.gw_route,
    })
    metrics.count("gateway_blocked_total", 'class="' .. first.class .. '",action="' .. action .. '"')
end

-- Inspects a request under `mode` (block, detect, off). Returns true when it was refused, which is then answered; else what
-- was read of a JSON body, or nil and why that could not be.
function _M.refuses(var, request, mode)
    local verdict, read, why = firewall.inspect(request)
    if not verdict.attack then return false, read, why end
    if mode == "detect" then
        note(var, verdict, "detected")
        return false, read, why
    end
    note(var, verdict, "blocked")
    problem.send(403, "The firewall takes this request for an attack; its log names the rule under the request's id.")
    return true
end

return _M
