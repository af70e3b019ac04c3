local json = require "firewall.json"
local schema = require "firewall.schema"
local expect = require "expect"

local tests = {}

local function fault(text, described)
    return schema.check(json.read(text).value, described, "body")
end

function tests.types_are_told_apart()
    expect(fault("1", {type = {"integer"}}), nil)
    expect(fault("1.0", {type = {"integer"}}), nil)
    expect(fault("1.5", {type = {"integer"}}), "body should be integer")
    expect(fault("null", {type = {"string", "null"}}), nil)
    expect(fault("{}", {type = {"array"}}), "body should be array")
    expect(fault("true", {type = {"string"}}), "body should be string")
end

function tests.characters_are_counted_not_bytes()
    expect(fault('"日本"', {type = {"string"}, maxLength = 2}), nil)
    expect(fault('"日本語"', {type = {"string"}, maxLength = 2}), "body should have at most 2 characters")
end

function tests.the_place_of_a_fault_is_named_and_its_value_is_not()
    local described = {type = {"object"}, properties = {a = {type = {"array"}, items = {type = {"object"}, required = {"b"}}}}}
    expect(fault('{"a": [{"b": 1}, {"c": "secret"}]}', described), "body.a[1].b is missing")
end

function tests.one_of_several_schemas_is_enough_and_all_of_several_are_needed()
    local either = {any_of = {{type = {"string"}}, {type = {"number"}, minimum = 5}}}
    expect(fault("7", either), nil)
    expect(fault("3", either), "body is none of what it may be")
    expect(fault("3", {all_of = {{type = {"number"}}, {maximum = 2}}}), "body should be at most 2")
end

function tests.other_keys_follow_their_own_schema()
    expect(fault('{"x": 1}', {type = {"object"}, additionalProperties = {type = {"string"}}}), "body.* should be string")
    expect(fault('{"x": 1}', {type = {"object"}, additionalProperties = false}), "body has a key that is not known")
    expect(fault('{"x": 1}', {type = {"object"}}), nil)
end

function tests.prose_is_where_a_thousand_characters_fit()
    local described = {properties = {title = {maxLength = 300}, text = {maxLength = 10000}, notes = {items = {properties = {note = {maxLength = 1000}}}}}}
    expect(schema.prose(described), {text = true, note = true})
end

return tests
