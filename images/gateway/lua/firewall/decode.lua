-- Undoes encodings that attackers wrap around text: URL, HTML entities, JavaScript escapes, overlong and look-alike UTF-8.
-- Every function takes and returns a string; each does its work in one pass, and `fully` repeats them a bounded number of times.
local bit = require "bit"

local _M = {}

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local char, find, gsub = string.char, string.find, string.gsub
local PASSES = 4

-- Characters that compatibility normalisation (Unicode NFKC) or a code page's best fit turns into ASCII.
local FOLDED = {
    [0x2044] = "/", [0x2215] = "/", [0x2216] = "\\", [0x29f5] = "\\", [0x29f8] = "/", [0x2024] = ".", [0x2025] = "..", [0x24ea] = "0",
    [0x037e] = ";", [0x1fef] = "`",
}
local at_small = 0xfe50
for small in (",,. ;:?!-(){}  #&*+-<>= \\$%@"):gmatch(".") do
    if small ~= " " then FOLDED[at_small] = small end
    at_small = at_small + 1
end
for digit = 1, 9 do FOLDED[0x245f + digit] = tostring(digit) end

-- Returns the ASCII letter that a mathematical letter (U+1D400 to U+1D6A3: thirteen styles of A to Z and a to z) stands for.
local function mathematical(code)
    local letter = (code - 0x1d400) % 52
    return char(letter < 26 and 65 + letter or 71 + letter)
end

-- Returns the UTF-8 of a code point; of one that only looks like ASCII (full width, circled, mathematical), the ASCII.
local function utf8(code)
    if FOLDED[code] then return FOLDED[code] end
    if code >= 0x1d400 and code <= 0x1d6a3 then return mathematical(code) end
    if code >= 0xff01 and code <= 0xff5e then code = code - 0xfee0 end
    if code >= 0x24b6 and code <= 0x24e9 then code = (code - 0x24b6) % 26 + 97 end
    -- Some stacks keep the low byte only: U+560A and U+560D become line feed and carriage return.
    if code == 0x560a or code == 0x560d then code = code - 0x5600 end
    if code == 0x2028 or code == 0x2029 then code = 10 end
    if code == 0xa0 or code == 0x3000 or code >= 0x2000 and code <= 0x200a then code = 32 end
    if code == 0xfeff or code == 0x200b or code == 0xad then return "" end
    if code == 0x2018 or code == 0x2019 or code == 0x2bc then code = code == 0x2bc and 39 or code end
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(bor(0xc0, rshift(code, 6)), bor(0x80, band(code, 63))) end
    if code < 0x10000 then return char(bor(0xe0, rshift(code, 12)), bor(0x80, band(rshift(code, 6), 63)), bor(0x80, band(code, 63))) end
    if code > 0x10ffff then return "" end
    return char(bor(0xf0, rshift(code, 18)), bor(0x80, band(rshift(code, 12), 63)), bor(0x80, band(rshift(code, 6), 63)), bor(0x80, band(code, 63)))
end
_M.utf8 = utf8

local function from_hex(digits)
    return utf8(tonumber(digits, 16))
end

local function byte_of(digits)
    return char(tonumber(digits, 16))
end

-- Undoes %XX and %uXXXX.
function _M.url(text)
    if not find(text, "%", 1, true) then return text end
    return (gsub(gsub(text, "%%[uU](%x%x%x%x)", from_hex), "%%(%x%x)", byte_of))
end

-- Undoes the encoding of forms and queries: + is a space.
function _M.form(text)
    return _M.url((gsub(text, "+", " ")))
end

local ENTITIES = {
    lt = "<", gt = ">", amp = "&", quot = '"', apos = "'", colon = ":", semi = ";", equals = "=", lpar = "(", rpar = ")", lsqb = "[",
    rsqb = "]", lbrack = "[", rbrack = "]", lcub = "{", rcub = "}", lbrace = "{", rbrace = "}", tab = "\t", newline = "\n", nbsp = " ",
    sol = "/", bsol = "\\", num = "#", percnt = "%", excl = "!", comma = ",", period = ".", grave = "`", plus = "+", dollar = "$",
    ast = "*", lowbar = "_", quest = "?", commat = "@", vert = "|", verbar = "|", hyphen = "-", dash = "-", hat = "^",
}

local function entity(name)
    return ENTITIES[name:lower()]
end

local function decimal(digits)
    return utf8(tonumber(digits))
end

-- Undoes HTML entities; browsers take numbers without the semicolon, and so do we.
function _M.html(text)
    if not find(text, "&[#%a]") then return text end
    text = gsub(text, "&#[xX]0*(%x%x?%x?%x?%x?);?", from_hex)
    text = gsub(text, "&#0*(%d%d?%d?%d?%d?%d?);?", decimal)
    return (gsub(gsub(text, "&(%a+);", entity), "&([lgLG][tT])%f[%W]", entity))
end

local ESCAPES = {n = "\n", r = "\r", t = "\t", b = "", f = "\f", v = "\v"}

local function octal(digits)
    local code = tonumber(digits, 8)
    return code < 256 and char(code) or nil
end

-- Undoes \uXXXX, \u{X}, \xXX, octal and the single-letter escapes of JavaScript and C.
function _M.escapes(text)
    if not find(text, "\\", 1, true) then return text end
    text = gsub(text, "\\[uU](%x%x%x%x)", from_hex)
    text = gsub(text, "\\u{0*(%x%x?%x?%x?%x?)}", from_hex)
    text = gsub(text, "\\x(%x%x)", byte_of)
    text = gsub(text, "\\([0-3][0-7][0-7])", octal)
    text = gsub(text, "\\([nrtbfv])%f[^%w]", ESCAPES)
    return (gsub(text, "\\([\"'`/])", "%1"))
end

local function overlong(lead, tail)
    return char(bor(lshift(band(lead:byte(), 3), 6), band(tail:byte(), 63)))
end

local function overlong3(middle, tail)
    return utf8(bor(lshift(band(middle:byte(), 63), 6), band(tail:byte(), 63)))
end

local function lookalike(lead, middle, tail)
    return utf8(bor(lshift(band(lead:byte(), 15), 12), lshift(band(middle:byte(), 63), 6), band(tail:byte(), 63)))
end

local function lookalike4(third, tail)
    return utf8(bor(0x1d000, lshift(band(third:byte(), 63), 6), band(tail:byte(), 63)))
end

-- Rewrites overlong UTF-8 and look-alikes of ASCII as the ASCII they stand for.
function _M.unicode(text)
    if not find(text, "[\192-\194\224\226\227\229\239\240]") then return text end
    text = gsub(text, "([\192\193])([\128-\191])", overlong)
    text = gsub(text, "\224([\128-\159])([\128-\191])", overlong3)
    text = gsub(text, "([\226\227\229\239])([\128-\191])([\128-\191])", lookalike)
    text = gsub(text, "\240\157([\144-\154])([\128-\191])", lookalike4)
    return (gsub(text, "\194\160", " "))
end

-- Undoes UTF-7 (RFC 2152), in which "+ADw-" is "<": for XML that declares it.
function _M.utf7(text)
    return (gsub(text, "%+([A-Za-z0-9+/]+)%-?", function(run)
        local bytes = ngx.decode_base64(run .. ("="):rep(-#run % 4))
        return bytes and gsub(bytes, "%z([%z\1-\127])", "%1")
    end))
end

-- Applies every decoding until nothing changes, at most four times. Returns the text and whether it changed at all.
function _M.fully(text)
    if not find(text, "[%%&\\\128-\255]") then return text, false end
    local first = text
    for _ = 1, PASSES do
        local before = text
        text = _M.unicode(_M.escapes(_M.html(_M.url(text))))
        if text == before then break end
    end
    return text, text ~= first
end

return _M
