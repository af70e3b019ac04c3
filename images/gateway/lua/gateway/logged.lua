-- What a client wrote, short enough for the log. The workers share one pipe, which keeps whole what is written to it in up to 4096
-- bytes at once (PIPE_BUF): of a longer line, a part might stand in the middle of another worker's.
local _M = {}

-- Bytes that a member of the line may have. There are two that may be so long, and all others together stay below 1500.
local MOST = 1024
-- nginx writes a quote as two characters and a control character as six (escape=json).
local ESCAPED, LONGEST_ESCAPE = '[%z\1-\31"\\]', 6
local MARK = "…"
local CLIENTS = {"gw_path", "gw_agent", "gw_asked_method"}
local METHOD = 32

-- Returns the text as it may stand in a line: whole, or its beginning and a mark.
function _M.short(text, most)
    local few = math.floor(most / LONGEST_ESCAPE)
    if #text <= few then return text end
    local kept = text:find(ESCAPED) and few or most
    if #text <= kept then return text end
    -- Not half a letter of UTF-8.
    return text:sub(1, kept):gsub("[\192-\255]?[\128-\191]*$", "") .. MARK
end

-- Cuts what is too long, and names it in the line.
function _M.cut(var)
    local names
    for _, name in ipairs(CLIENTS) do
        local text = var[name]
        if text and #text > METHOD then
            local short = _M.short(text, name == "gw_asked_method" and METHOD or MOST)
            if short ~= text then
                var[name] = short
                names = (names and names .. " " or "") .. name:match("(%w+)$")
            end
        end
    end
    if names then var.gw_cut = names end
end

return _M
