-- Finds what a method and a path mean, in the table that was made when the image was built.
local limits = require "gateway.limits"
local pattern = require "firewall.pattern"
local schema = require "firewall.schema"

local _M = {}

local find = pattern.find

local function set_of(list)
    if not list then return nil end
    local set = {}
    for _, each in ipairs(list) do set[each] = true end
    return set
end

-- What a route without operations lets through: nginx refuses CONNECT and TRACE.
local ALL = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

local function allowed(operations)
    if not operations then return ALL end
    local methods = {}
    for method in pairs(operations) do methods[#methods + 1] = method end
    if operations.GET and not operations.HEAD then methods[#methods + 1] = "HEAD" end
    table.sort(methods)
    return table.concat(methods, ", ")
end

-- Gives an operation what the firewall needs of it: fields of prose, exclusions by route and by field, a mode of its own.
local function prepare_operation(operation, tasks)
    if operation.limit then operation.limit = limits.share(operation.limit, tasks) end
    local prose, kinds, given = {}, {}, operation.firewall or {}
    for kind, described in pairs(operation.content or {}) do
        schema.prose(described, prose)
        kinds[#kinds + 1] = kind
    end
    table.sort(kinds)
    operation.accept = table.concat(kinds, ", ")
    operation.prose = prose
    operation.mode = given.mode
    operation.exclude = set_of(given.exclude)
    operation.fields = {}
    for name, excluded in pairs(given.fields or {}) do operation.fields[name] = set_of(excluded) end
end

-- Returns the table with what each look-up needs at hand; `tasks` gateway tasks share its limits.
function _M.prepare(known, tasks)
    for _, service in pairs(known.services) do service.limit = limits.share(service.limit, tasks) end
    for _, route in ipairs(known.routes) do
        route.matcher = pattern.new(route.pattern, "j")
        route.allow = allowed(route.operations)
        for _, operation in pairs(route.operations or {}) do prepare_operation(operation, tasks) end
    end
    return known
end

-- Returns route, operation; route alone when the method is not allowed on it; nothing when the path is unknown.
-- The path is the one on the wire: what is not written plainly matches nothing, so no service decodes it another way.
function _M.find(known, method, path)
    for _, route in ipairs(known.routes) do
        if find(route.matcher, path) then
            if not route.operations then return route, {unchecked = true} end
            return route, route.operations[method] or (method == "HEAD" and route.operations.GET) or nil
        end
    end
end

return _M
