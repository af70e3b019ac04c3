-- The positive model: whether a JSON value is one that the service's OpenAPI document describes.
local json = require "firewall.json"

local _M = {}

local floor = math.floor
local check

local function type_of(value)
    if value == json.null then return "null" end
    local kind = type(value)
    if kind == "table" then return json.is_array(value) and "array" or "object" end
    return kind
end

local function has_type(value, types)
    local kind = type_of(value)
    for _, wanted in ipairs(types) do
        if wanted == kind or wanted == "integer" and kind == "number" and floor(value) == value then return true end
    end
    return false
end

local function length(text)
    local _, continued = text:gsub("[\128-\191]", "")
    return #text - continued
end

local function one_of(value, list)
    for _, each in ipairs(list) do
        if each == value then return true end
    end
    return false
end

local function check_text(text, schema, at)
    if schema.maxLength and length(text) > schema.maxLength then return at .. " should have at most " .. schema.maxLength .. " characters" end
    if schema.minLength and length(text) < schema.minLength then return at .. " should have at least " .. schema.minLength .. " characters" end
end

local function check_number(number, schema, at)
    if schema.maximum and number > schema.maximum then return at .. " should be at most " .. schema.maximum end
    if schema.minimum and number < schema.minimum then return at .. " should be at least " .. schema.minimum end
end

local function check_array(array, schema, at)
    if schema.maxItems and #array > schema.maxItems then return at .. " should have at most " .. schema.maxItems .. " items" end
    if schema.minItems and #array < schema.minItems then return at .. " should have at least " .. schema.minItems .. " items" end
    if schema.items == nil then return nil end
    for index, each in ipairs(array) do
        local why = check(each, schema.items, at .. "[" .. index - 1 .. "]")
        if why then return why end
    end
end

local function check_object(object, schema, at)
    for _, name in ipairs(schema.required or {}) do
        if object[name] == nil then return at .. "." .. name .. " is missing" end
    end
    local known, other = schema.properties or {}, schema.additionalProperties
    for name, value in pairs(object) do
        local own = known[name]
        if own == nil and other == false then return at .. " has a key that is not known" end
        if own == nil then own = type(other) == "table" and other or true end
        local why = check(value, own, known[name] and at .. "." .. name or at .. ".*")
        if why then return why end
    end
end

local function check_choices(value, schema, at)
    for _, each in ipairs(schema.all_of or {}) do
        local why = check(value, each, at)
        if why then return why end
    end
    if not schema.any_of then return nil end
    for _, each in ipairs(schema.any_of) do
        if not check(value, each, at) then return nil end
    end
    return at .. " is none of what it may be"
end

local BY_TYPE = {string = check_text, number = check_number, array = check_array, object = check_object}

-- Returns nil when `value` (as firewall.json reads it) fits `schema`, else one phrase that names the place, never the value.
function check(value, schema, at)
    if schema == true then return nil end
    if schema == false then return at .. " should not be there" end
    if schema.type and not has_type(value, schema.type) then return at .. " should be " .. table.concat(schema.type, " or ") end
    if schema.enum and not one_of(value, schema.enum) then return at .. " is none of what it may be" end
    if schema.const ~= nil and schema.const ~= value then return at .. " is not what it should be" end
    local by_type = BY_TYPE[type_of(value)]
    return by_type and by_type(value, schema, at) or check_choices(value, schema, at)
end

_M.check = check

-- Returns the set of a schema's properties in which people write sentences: strings of a thousand characters and more.
function _M.prose(schema, found)
    found = found or {}
    if type(schema) ~= "table" then return found end
    for name, each in pairs(schema.properties or {}) do
        if type(each) == "table" and (each.maxLength or 0) >= 1000 then found[name] = true end
        _M.prose(each, found)
    end
    _M.prose(schema.items, found)
    return found
end

return _M
