-- A strict JSON reader (RFC 8259): refuses duplicate keys, comments, trailing commas and depth, which lenient readers resolve
-- each in their own way.
local decode = require "firewall.decode"

local _M = {}

local re_find = ngx.re.find
local byte, find, gsub, match, sub = string.byte, string.find, string.gsub, string.match, string.sub

_M.null = setmetatable({}, {__tostring = function() return "null" end})
_M.MAX_DEPTH = 32
local ARRAY = {}

-- Returns whether a table that was read is an array.
function _M.is_array(value)
    return getmetatable(value) == ARRAY
end

local function fail(state, why)
    error({why = why, at = state.at}, 0)
end

local SIMPLE = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/"}

-- Undoes escapes that are known to be well formed; a pair of surrogates is one code point. Half a pair is no character, and a NUL
-- is the end of a text to some readers: both are refused.
local function unescape(state, text)
    text = gsub(text, "\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", function(high, low)
        return decode.utf8(0x10000 + (tonumber(high, 16) - 0xd800) * 0x400 + tonumber(low, 16) - 0xdc00)
    end)
    text = gsub(text, "\\(u?)(.)(%x?%x?%x?)", function(unicode, first, rest)
        if unicode == "u" and find(first .. rest, "^[dD][89a-fA-F]") then fail(state, "an escape is half a character") end
        if unicode == "u" and first .. rest == "0000" then fail(state, "a string holds a NUL") end
        if unicode == "u" then return decode.utf8(tonumber(first .. rest, 16)) end
        return SIMPLE[first] .. rest
    end)
    return text
end


local function string_at(state)
    local text, start = state.text, state.at + 1
    local at = start
    while true do
        local stop = find(text, '[%z\1-\31"\\]', at)
        if not stop then fail(state, "a string does not end") end
        local code = byte(text, stop)
        if code == 34 then
            state.at = stop + 1
            local raw = sub(text, start, stop - 1)
            if not find(raw, "\\", 1, true) then return raw end
            return unescape(state, raw)
        end
        if code < 32 then fail(state, "a string holds a control character") end
        if not find(text, '^\\["\\/bfnrt]', stop) and not find(text, "^\\u%x%x%x%x", stop) then fail(state, "an escape is not known") end
        at = stop + 2
    end
end

local function skip(state)
    state.at = match(state.text, "^[ \t\r\n]*()", state.at)
    return byte(state.text, state.at)
end

local value_at

local function object_at(state, depth)
    local object, list = {}, state.strings
    state.at = state.at + 1
    if skip(state) == 125 then state.at = state.at + 1 return object end
    while true do
        if skip(state) ~= 34 then fail(state, "a key should be a string") end
        local key = string_at(state)
        if object[key] ~= nil then fail(state, "a key stands twice") end
        list[#list + 1] = {key, key, true}
        if skip(state) ~= 58 then fail(state, "a key should be followed by a colon") end
        state.at = state.at + 1
        object[key] = value_at(state, depth, key)
        local code = skip(state)
        state.at = state.at + 1
        if code == 125 then return object end
        if code ~= 44 then fail(state, "an object should go on with a comma or end") end
    end
end

local function array_at(state, depth, key)
    local array = setmetatable({}, ARRAY)
    state.at = state.at + 1
    if skip(state) == 93 then state.at = state.at + 1 return array end
    while true do
        array[#array + 1] = value_at(state, depth, key)
        local code = skip(state)
        state.at = state.at + 1
        if code == 93 then return array end
        if code ~= 44 then fail(state, "an array should go on with a comma or end") end
    end
end

local WORDS = {["true"] = true, ["false"] = false, null = _M.null}

local function literal_at(state)
    local word = match(state.text, "^%l+", state.at)
    if word and WORDS[word] ~= nil then
        state.at = state.at + #word
        return WORDS[word]
    end
    local number = match(state.text, "^%-?%d+%.?%d*[eE]?[+-]?%d*", state.at)
    if not number or find(number, "^%-?0%d") or find(number, "[.eE+-]$") or not tonumber(number) then fail(state, "a value is not JSON") end
    state.at = state.at + #number
    return tonumber(number)
end

function value_at(state, depth, key)
    if depth == 0 then fail(state, "it is nested too deeply") end
    local code = skip(state)
    if code == 34 then
        local text = string_at(state)
        state.strings[#state.strings + 1] = {key or "", text}
        return text
    end
    if code == 123 then return object_at(state, depth - 1) end
    if code == 91 then return array_at(state, depth - 1, key) end
    return literal_at(state)
end

-- Whether a text is UTF-8 (RFC 3629): the expression finds nothing, the library looks at the encoding first.
local function is_utf8(text)
    return not find(text, "[\128-\255]") or re_find(text, [[\A]], "jou") ~= nil
end

local function read(state)
    if not is_utf8(state.text) then fail(state, "it is not UTF-8") end
    local value = value_at(state, _M.MAX_DEPTH)
    skip(state)
    if state.at <= #state.text then fail(state, "something follows the value") end
    return value
end

-- Reads one JSON text. Returns {value = …, strings = {{key, text, is_key}, …}}, or nil and one phrase saying why not.
function _M.read(text)
    local state = {text = text, at = 1, strings = {}}
    local done, value = pcall(read, state)
    if not done then return nil, type(value) == "table" and value.why or tostring(value) end
    return {value = value, strings = state.strings}
end

return _M
