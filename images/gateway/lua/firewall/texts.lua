-- Every text in a request that a service may read, one after the other, each with where it stands.
local decode = require "firewall.decode"
local json = require "firewall.json"
local multipart = require "firewall.multipart"

local _M = {TOO_MANY = "it has too many arguments"}

local find, gmatch, gsub, match, sub = string.find, string.gmatch, string.gsub, string.match, string.sub
local MAX_ARGUMENTS = 200

-- Hands each name and value of a query or form to `take(state, where, name, text)`. Values of one name are handed over joined, too:
-- some servers read them so. Returns a phrase when there are too many.
function _M.arguments(text, where, state, take)
    local count, seen = 0, {}
    -- An ampersand that separates nothing may be part of a command.
    if find(text, "&[&+%%]") or find(text, "&$") then take(state, where, "", decode.form(text)) end
    for pair in gmatch(text, "[^&]+") do
        count = count + 1
        if count > MAX_ARGUMENTS then return _M.TOO_MANY end
        local at = find(pair, "=", 1, true)
        local name = decode.form(at and sub(pair, 1, at - 1) or pair)
        local value = at and decode.form(sub(pair, at + 1)) or ""
        take(state, where, name, name)
        if value ~= "" then take(state, where, name, value) end
        -- A name that is part of an attack only together with its value, such as __proto__[x]=y or "onclick=f()".
        if value ~= "" and find(name, "[^%w_.-]") then take(state, where, name, name .. "=" .. value) end
        if seen[name] then take(state, where, name, seen[name] .. "," .. value) end
        seen[name] = seen[name] and seen[name] .. "," .. value or value
    end
end

-- Hands over a path: whole, and its last segments by themselves, which may be encoded as one value.
function _M.path(raw, where, state, take)
    take(state, where, "path", raw)
    local rest = sub(raw, 2)
    if find(raw, "%%") then take(state, where, "path", decode.url(raw)) end
    if #rest >= 8 then take(state, where, "path", decode.url(rest)) end
    local last = match(rest, "([^/]+)$")
    if last and last ~= rest and #last >= 8 then take(state, where, "path", decode.url(last)) end
end

local function json_texts(body, state, take)
    local read, why = json.read(body)
    if not read then
        take(state, "body", "body", body)
        return nil, why
    end
    for _, each in ipairs(read.strings) do take(state, each[3] and "key" or "json", each[1], each[2]) end
    return read
end

-- A part's header lines without the names, which are inspected by themselves.
local function line(header)
    return (gsub(gsub(header, '(%l*name%*?)="[^"]*"', "%1"), "[\r\n]+", " "))
end

local function multipart_texts(body, content_type, state, take)
    local boundary = multipart.boundary(content_type)
    local parts, why = nil, "it names no boundary"
    if boundary then parts, why = multipart.read(body, boundary) end
    if not parts then
        take(state, "body", "body", body)
        return nil, why
    end
    for _, part in ipairs(parts) do
        take(state, "multipart", part[1], part[1] == "header" and line(part[2]) or part[2])
        if find(part[2], "%%%x%x") then take(state, "multipart", part[1], decode.form(part[2])) end
    end
end

-- Hands over what stands between the tags of XML, and its attributes' values, each as a parser gives it to a service.
local function xml_texts(body, state, take)
    local count = 0
    for text in gmatch(body, ">%s*([^<>]+)<") do
        count = count + 1
        if count > MAX_ARGUMENTS then break end -- the whole text is inspected all the same
        if find(text, "%S") then take(state, "xml", "text", decode.html(text)) end
    end
    for value in gmatch(body, "=%s*[\"']([^\"'<>]+)[\"']") do
        count = count + 1
        if count > MAX_ARGUMENTS then break end
        take(state, "xml", "attribute", decode.html(value))
    end
end

local function raw_texts(body, state, take)
    take(state, "body", "body", body)
    if find(body, "[+%%]") then take(state, "body", "body", decode.form(body)) end
    if find(body, "encoding%s*=%s*[\"'][uU][tT][fF]%-?7") then take(state, "body", "body", decode.utf7(body)) end
    if find(body, "^%s*<") then xml_texts(body, state, take) end
    local first = match(body, "^%s*([%[{])")
    if first and json.read(body) then json_texts(body, state, take) end
    if find(body, "^[^<{%s]*=") then _M.arguments(body, "form", state, take) end
end

-- Hands over what a body holds, read as `content_type` says and, when that says nothing we know, as anything it may be.
-- Returns what was read of JSON, else nil and a phrase when the body is not what it says it is.
function _M.body(body, content_type, state, take)
    local kind = match(content_type, "^%s*([^;%s]*)"):lower()
    if kind == "application/json" or find(kind, "+json$") then return json_texts(body, state, take) end
    if kind == "application/x-www-form-urlencoded" then return nil, _M.arguments(body, "form", state, take) end
    if kind == "multipart/form-data" then return multipart_texts(body, content_type, state, take) end
    raw_texts(body, state, take)
end

-- An entity tag without its weakness: anything but controls, blanks and quotes between quotes. A comma may stand inside.
local TAG = '^"([!#-~\128-\255]*)"[ \t]*()'

-- Returns what stands inside the tags of a list of entity tags (RFC 9110, 8.8.3 and 5.6.1); nil when the text is no such list, or a
-- longer one than anybody sends.
function _M.tags(text)
    local found, at = {}, match(text, "^[ \t,]*()")
    while at <= #text do
        if sub(text, at, at + 1) == "W/" then at = at + 2 end
        local tag, after = match(text, TAG, at)
        if not tag or #found == MAX_ARGUMENTS or after <= #text and sub(text, after, after) ~= "," then return nil end
        found[#found + 1] = tag
        at = match(text, "^[ \t,]*()", after)
    end
    return found
end

-- Hands over the pairs of a Cookie header.
function _M.cookies(text, state, take)
    for pair in gmatch(text, "[^;]+") do
        local name, value = match(pair, "^%s*([^=]*)=?(.*)$")
        if value == "" then name, value = "", name end
        value = gsub(value, '^"(.*)"%s*$', "%1")
        take(state, "cookie", name, value)
        if find(value, "%", 1, true) then take(state, "cookie", name, decode.url(value)) end
        if find(name, "[^%w_.-]") then take(state, "cookie", name, name) end
    end
end

return _M
