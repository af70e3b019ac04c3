-- What the Lua tests compare with: whole values, and both shown when they differ.
local cjson = require "cjson.safe"

local function shown(value)
    if type(value) == "string" then return (("%q"):format(value)) end
    return type(value) == "table" and cjson.encode(value) or tostring(value)
end

local function same(left, right)
    if type(left) ~= "table" or type(right) ~= "table" then return left == right end
    for key, value in pairs(left) do
        if not same(value, right[key]) then return false end
    end
    for key in pairs(right) do
        if left[key] == nil then return false end
    end
    return true
end

-- Raises unless `got` is `wanted`, tables compared by what they hold.
return function(got, wanted)
    if not same(got, wanted) then error("got " .. shown(got) .. ", wanted " .. shown(wanted), 2) end
end
