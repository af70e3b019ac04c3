-- Regular expressions that are compiled once and then asked directly. `ngx.re.find` puts a key together out of the whole expression
-- and looks it up, every time: for expressions of a thousand characters that costs more than the match.
local ffi = require "ffi"
local regex = require "resty.core.regex"

local _M = {}

local match, sub = string.match, string.sub
local exec = ffi.C.ngx_http_lua_ffi_exec_regex
local NO_MATCH = -1

-- Returns what `find` and `matches` take; it is compiled when it is first asked. `options` are those of ngx.re, without "o".
function _M.new(expression, options)
    return {expression = expression, options = options .. "o"}
end

local function compile(pattern)
    local compiled, why, flags = regex.re_match_compile(pattern.expression, pattern.options)
    if not compiled then error(why, 0) end
    pattern.compiled, pattern.flags = compiled, flags
    return compiled
end

-- Returns where a text matches, from and to; nothing when it does not; nil, nil and why when the expression gave up.
function _M.find(pattern, text)
    local compiled = pattern.compiled or compile(pattern)
    local result = exec(compiled, pattern.flags, text, #text, 0)
    if result > 0 then return compiled.captures[0] + 1, compiled.captures[1] end
    if result ~= NO_MATCH then return nil, nil, "pcre_exec() failed: " .. result end
end

-- Whether a text matches; it does, too, when the expression gave up: such a text is not to be passed over.
function _M.matches(pattern, text)
    return exec(pattern.compiled or compile(pattern), pattern.flags, text, #text, 0) ~= NO_MATCH
end

-- Returns the alternatives of an expression that stand in no brackets.
local function alternatives(expression)
    local found, from, depth, in_class, at = {}, 1, 0, false, 1
    while at <= #expression do
        local char = sub(expression, at, at)
        if char == "\\" then
            at = at + 1
        elseif in_class then
            in_class = char ~= "]"
        elseif char == "|" and depth == 0 then
            found[#found + 1], from = sub(expression, from, at - 1), at + 1
        else
            in_class = char == "["
            depth = depth + (char == "(" and 1 or char == ")" and -1 or 0)
        end
        at = at + 1
    end
    found[#found + 1] = sub(expression, from)
    return found
end

-- Returns an expression that matches the same texts, with alternatives that begin with the same letter put together: at each
-- character of a text every letter is then compared once, not every word.
function _M.grouped(expression)
    local groups, letters, all = {}, {}, {}
    for _, each in ipairs(alternatives(expression)) do
        local letter, rest = match(each, "^([%a_])([^?*+{].*)$")
        if not letter then
            all[#all + 1] = each
        else
            if not groups[letter] then groups[letter], letters[#letters + 1] = {}, letter end
            table.insert(groups[letter], rest)
        end
    end
    for _, letter in ipairs(letters) do all[#all + 1] = letter .. "(?:" .. table.concat(groups[letter], "|") .. ")" end
    return table.concat(all, "|")
end

return _M
