-- Tells texts apart that are nothing but words and numbers: most values are, and no rule need look at them.
local bit = require "bit"
local ffi = require "ffi"
local pattern = require "firewall.pattern"

local _M = {}

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local byte, contains, gsub = string.byte, string.find, string.gsub
local find, matches = pattern.find, pattern.matches

-- The six bits that a character of either Base64 alphabet stands for; a blank is what became of a plus sign.
local SEXTETS = ffi.new("int8_t[256]")
ffi.fill(SEXTETS, 256, -1)
for value = 0, 63 do
    SEXTETS[byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", value + 1)] = value
end
SEXTETS[byte(" ")], SEXTETS[byte("-")], SEXTETS[byte("_")] = 62, 62, 63

-- What a decoded byte says of the text that it is in. NEVER: control characters, and what UTF-8 does not have.
local NEVER, ASCII, TAIL, LEAD, ZERO = 0, 1, 2, 3, 4
local KINDS = ffi.new("uint8_t[256]")
ffi.fill(KINDS + 32, 95, ASCII)
ffi.fill(KINDS + 9, 5, ASCII)
ffi.fill(KINDS + 0x80, 64, TAIL)
ffi.fill(KINDS + 0xc2, 51, LEAD)
KINDS[0] = ZERO

-- From state and kind to the next state, a multiple of 8; 0 is no text. A state is how many zeros there were (UTF-16 has them;
-- two are taken), and how many bytes followed the last lead byte: none yet, which is no end; one, two; or three, when none may come.
local START, NEXT = 32, ffi.new("uint8_t[128]")

local function state(zeros, tails)
    return 8 + (zeros * 4 + tails) * 8
end

for zeros = 0, 2 do
    for tails = 0, 3 do
        local from = state(zeros, tails)
        if tails > 0 then NEXT[from + ASCII], NEXT[from + LEAD] = state(zeros, 3), state(zeros, 0) end
        if tails < 3 then NEXT[from + TAIL] = state(zeros, tails + 1) end
        if zeros < 2 then NEXT[from + ZERO] = state(zeros + 1, tails) end
    end
end

local function after(known, bits)
    return NEXT[known + KINDS[band(bits, 255)]]
end

-- Whether a part of a text is Base64 of a text, as `forms.base64` sees it. It gives up at the first byte that no text has, which
-- is nearly always among the first three. It has eight characters at least, so it never decodes to too little.
local function encodes_text(text, from, to)
    local length = to - from + 1
    if length < 8 or length % 4 == 1 then return false end
    local known, whole = START, to - length % 4
    for at = from, whole, 4 do
        local one, two, three, four = byte(text, at, at + 3)
        one, two, three, four = SEXTETS[one], SEXTETS[two], SEXTETS[three], SEXTETS[four]
        local bits = bor(lshift(one, 18), lshift(two, 12), lshift(three, 6), four)
        if bits < 0 then return false end
        known = after(after(after(known, rshift(bits, 16)), rshift(bits, 8)), bits)
        if known == 0 then return false end
    end
    if whole < to then
        local one, two, three = byte(text, whole + 1, to)
        one, two, three = SEXTETS[one], SEXTETS[two], three and SEXTETS[three] or 0
        local bits = bor(lshift(one, 18), lshift(two, 12), lshift(three, 6))
        if bits < 0 then return false end
        known = after(known, rshift(bits, 16))
        if length % 4 == 3 then known = after(known, rshift(bits, 8)) end
    end
    -- A lead byte at the end wants another.
    return known ~= 0 and band(known, 24) ~= 8
end

-- A query of such pairs alone, still as on the wire. Anything that `texts.arguments` reads in more than one way is left out.
local LETTER = "%(?:c[3-9a-f]|d[0-9a-f])%[89ab][0-9a-f]" -- of two bytes
local PAIRS = [==[\A(?:[\w.-]++(?:=(?:[\w.,@+:-]++|%20|]==] .. LETTER .. [==[)*+)?+(?:&(?=\w)|\z))*+\z]==]
-- Longer ones are read pair by pair, which counts them.
local LONGEST = 256

local function pairs_encode_text(query)
    if contains(query, "%", 1, true) then query = gsub(query, "%%20", " ") end
    local from = 1
    for at = 1, #query do
        local code = byte(query, at)
        if code == 38 or code == 61 then -- & and =
            if encodes_text(query, from, at - 1) then return true end
            from = at + 1
        end
    end
    return encodes_text(query, from, #query)
end

-- Returns three functions that say whether no rule can match: `words` of a text, `text` of it and of what it may be Base64 of,
-- `query` of a query as on the wire. `harmless` matches texts of harmless characters alone; `telling` what matters even in those.
function _M.new(harmless, telling)
    telling = pattern.grouped(telling)
    local is_harmless, is_pairs = pattern.new(harmless, "j"), pattern.new(PAIRS, "ij")
    local tells = pattern.new(telling, "ij")
    local tells_on_wire = pattern.new(telling:gsub("\\A", ""):gsub("\\s", "(?:[\\s+]|%%20)"), "ij")

    local function words(text)
        return find(is_harmless, text) ~= nil and not matches(tells, text)
    end
    local function text(value)
        return words(value) and not encodes_text(value, 1, #value)
    end
    local function query(value)
        return #value <= LONGEST and find(is_pairs, value) ~= nil and not matches(tells_on_wire, value)
            and not pairs_encode_text(value)
    end
    return {words = words, text = text, query = query}
end

return _M
