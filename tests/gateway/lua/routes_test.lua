local routes = require "gateway.routes"
local expect = require "expect"

local tests = {}

local function known()
    return routes.prepare({
        services = {films = {limit = {count = 10, window = 1}}, notes = {limit = {count = 10, window = 1}}},
        routes = {
            {service = "films", path = "/films", pattern = "^/films$", operations = {GET = {id = "list"}, POST = {id = "add"}}},
            {service = "notes", path = "^/notes", pattern = "^/notes"},
        },
    }, 1)
end

function tests.a_route_allows_what_its_operations_name_and_head_where_there_is_get()
    local route, operation = routes.find(known(), "PATCH", "/films")
    expect({route.allow, operation}, {"GET, HEAD, POST", nil})
end

function tests.a_route_without_operations_allows_every_method_that_reaches_a_service()
    local route, operation = routes.find(known(), "PATCH", "/notes/7")
    expect({route.allow, operation}, {"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT", {unchecked = true}})
end

return tests
