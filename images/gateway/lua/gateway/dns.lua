-- One question to one name server over UDP (RFC 1035): the IPv4 addresses of a name.
local bit = require "bit"

local _M = {}

local byte, char = string.byte, string.char
local random = math.random
local QUESTION_TAIL = "\0\0\1\0\1" -- end of name, type A, class IN
local TYPE_A = 1

local function encoded(name)
    return (name:gsub("([^.]+)%.?", function(label) return char(#label) .. label end))
end

-- Returns the packet that asks for `name`'s A records, with recursion desired.
function _M.question(id, name)
    return char(bit.rshift(id, 8), bit.band(id, 255)) .. "\1\0\0\1\0\0\0\0\0\0" .. encoded(name) .. QUESTION_TAIL
end

local function u16(packet, at)
    local high, low = byte(packet, at, at + 1)
    return low and high * 256 + low
end

-- Returns where the name that begins at `at` ends.
local function after_name(packet, at)
    while true do
        local length = byte(packet, at)
        if not length then return nil end
        if length >= 192 then return at + 2 end
        if length == 0 then return at + 1 end
        at = at + length + 1
    end
end

-- Returns the addresses in an answer, or nil and why it is none. Records of other types (a CNAME on the way) are passed over.
function _M.addresses(packet, id, name)
    if #packet < 12 or u16(packet, 1) ~= id then return nil, "the answer is to another question" end
    local code = bit.band(byte(packet, 4), 15)
    if code == 3 then return nil, "there is no such name" end
    if code ~= 0 then return nil, "the name server answers with code " .. code end
    local question = encoded(name) .. QUESTION_TAIL
    if packet:sub(13, 12 + #question):lower() ~= question:lower() then return nil, "the answer is to another question" end
    local at, found = 13 + #question, {}
    for _ = 1, u16(packet, 7) do
        at = after_name(packet, at)
        local kind, length = at and u16(packet, at), at and u16(packet, at + 8)
        if not length then return nil, "the answer is cut off" end
        if kind == TYPE_A and length == 4 then found[#found + 1] = table.concat({byte(packet, at + 10, at + 13)}, ".") end
        at = at + 10 + length
    end
    if #found == 0 then return nil, "the name has no address" end
    table.sort(found)
    return found
end

-- Asks `server` for `name`'s addresses; waits `seconds` and asks once more. Returns a sorted list, or nil and why.
function _M.resolve(server, name, seconds)
    local why
    for _ = 1, 2 do
        local socket = ngx.socket.udp()
        socket:settimeout(seconds * 1000)
        socket:setpeername(server, 53)
        local id = random(0, 65535)
        socket:send(_M.question(id, name))
        local packet
        packet, why = socket:receive(4096)
        socket:close()
        if packet then return _M.addresses(packet, id, name) end
    end
    return nil, "the name server does not answer: " .. tostring(why)
end

return _M
