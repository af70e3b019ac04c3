-- The positive model: a request that the service's OpenAPI document does not describe is refused here and never reaches it.
local problem = require "gateway.problem"
local schema = require "firewall.schema"

local _M = {}

local function kind_of(content_type)
    return content_type:match("^%s*([^;%s]*)"):lower()
end

-- UTF-8 is the only encoding in which the body is inspected as the service will read it.
local function readable(headers, content_type)
    local charset = content_type:match("[cC][hH][aA][rR][sS][eE][tT]=\"?([%w_-]+)")
    if charset and not charset:lower():match("^utf%-?8$") and charset:lower() ~= "us-ascii" then return nil, "The body should be in UTF-8." end
    local encoding = headers["content-encoding"]
    if encoding and encoding ~= "identity" then return nil, "The body should not be compressed." end
    return true
end

local function refuse(status, detail)
    problem.send(status, detail)
    return true
end

-- Checks a request's body. `read` and `why` are what the firewall read of its JSON. Returns true when it was refused.
function _M.refuses(operation, request, read, why)
    if operation.unchecked then return false end
    local body = request.body
    if not operation.content then
        if body and #body > 0 then return refuse(400, "This operation takes no body.") end
        return false
    end
    if not body or #body == 0 then
        if operation.body_required then return refuse(400, "This operation needs a body.") end
        return false
    end
    if #body > operation.max_body then return refuse(413, "The body should have at most " .. operation.max_body .. " bytes.") end
    local described = operation.content[kind_of(request.content_type)]
    local fine, unreadable = readable(request.headers, request.content_type)
    if described == nil or not fine then
        ngx.header["Accept"] = operation.accept
        return refuse(415, unreadable or "The body should be " .. operation.accept .. ".")
    end
    if not kind_of(request.content_type):find("json", 1, true) then return false end
    if not read then return refuse(400, "The body is not JSON that all readers read alike: " .. (why or "it cannot be read") .. ".") end
    local fault = schema.check(read.value, described, "body")
    if fault then return refuse(400, fault .. ".") end
    return false
end

return _M
