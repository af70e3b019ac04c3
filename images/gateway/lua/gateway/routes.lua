-- Finds what a method and a path mean, in the table that was made when the image was built.
local _M = {}

local find = ngx.re.find

local function allowed(operations)
    local methods = {}
    for method in pairs(operations) do methods[#methods + 1] = method end
    if operations.GET and not operations.HEAD then methods[#methods + 1] = "HEAD" end
    table.sort(methods)
    return table.concat(methods, ", ")
end

-- Returns the table with what each look-up needs at hand.
function _M.prepare(table_of_routes)
    for _, route in ipairs(table_of_routes.routes) do
        if route.operations then route.allow = allowed(route.operations) end
    end
    return table_of_routes
end

-- Returns route, operation; route alone when the method is not allowed on it; nothing when the path is unknown.
-- The path is the one on the wire: what is not written plainly matches nothing, so no service decodes it another way.
function _M.find(table_of_routes, method, path)
    for _, route in ipairs(table_of_routes.routes) do
        if find(path, route.pattern, "jo") then
            if not route.operations then return route, {} end
            return route, route.operations[method] or (method == "HEAD" and route.operations.GET) or nil
        end
    end
end

return _M
