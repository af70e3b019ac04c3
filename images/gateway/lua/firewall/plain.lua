-- Tells texts apart that are nothing but words and numbers: most values are, and no rule need look at them.
local bit = require "bit"
local ffi = require "ffi"
local pattern = require "firewall.pattern"

local _M = {}

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local byte, gsub = string.byte, string.gsub
local find, matches = pattern.find, pattern.matches

-- The six bits that a character of either Base64 alphabet stands for; a blank is what became of a plus sign.
local SEXTETS = ffi.new("int8_t[256]")
ffi.fill(SEXTETS, 256, -1)
for value = 0, 63 do
    SEXTETS[byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", value + 1)] = value
end
SEXTETS[byte(" ")], SEXTETS[byte("-")], SEXTETS[byte("_")] = 62, 62, 63

-- What a decoded byte says of the text that it is in.
local NEVER, ASCII, TAIL, LEAD, ZERO = 0, 1, 2, 3, 4
local KINDS = ffi.new("uint8_t[256]") -- NEVER: control characters, and what UTF-8 does not have
ffi.fill(KINDS + 32, 95, ASCII)
ffi.fill(KINDS + 9, 5, ASCII)
ffi.fill(KINDS + 0x80, 64, TAIL)
ffi.fill(KINDS + 0xc2, 51, LEAD)
KINDS[0] = ZERO

-- Whether a part of a text is Base64 of a text, as `forms.base64` sees it (UTF-16 has zeros, of which it takes two). It gives up at the
-- first byte that no text has, which is nearly always among the first three.
local function encodes_text(text, from, to)
    local bits, width, zeros, tails, decoded = 0, 0, 0, 3, 0
    local length = to - from + 1
    if length < 8 or length % 4 == 1 then return false end
    for at = from, to do
        local sextet = SEXTETS[byte(text, at)]
        if sextet < 0 then return false end
        bits, width = bor(lshift(band(bits, 255), 6), sextet), width + 6
        if width >= 8 then
            width = width - 8
            local kind = KINDS[band(rshift(bits, width), 255)]
            if kind == ZERO then
                zeros = zeros + 1
                if zeros > 2 then return false end
            else
                -- `tails` counts what followed the last lead byte; 0 is a lead byte that still wants one, 3 that none may come.
                if kind == NEVER or tails == 0 and kind ~= TAIL or tails >= 3 and kind == TAIL then return false end
                if kind == TAIL then tails = tails + 1 else tails = kind == LEAD and 0 or 3 end
                decoded = decoded + 1
            end
        end
    end
    return decoded >= 4 and tails > 0
end

-- A query of such pairs alone, still as on the wire. Anything that `texts.arguments` reads in more than one way is left out.
local PAIRS = [==[\A(?:[\w.-]++(?:=(?:[\w.,@+:-]++|%20)*+)?+(?:&(?=\w)|\z))*+\z]==]
-- Longer ones are read pair by pair, which counts them.
local LONGEST = 256

local function pairs_encode_text(query)
    query = gsub(query, "%%20", " ")
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
    local is_harmless, is_pairs = pattern.new(harmless, "j"), pattern.new(PAIRS, "j")
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
