-- Reads multipart/form-data (RFC 7578) far enough to inspect every name, file name and value in it.
local _M = {}

local MAX_PARTS = 100

-- Returns the boundary that a content type names, or nil.
function _M.boundary(content_type)
    local quoted = content_type:match('[bB]oundary="([^"]+)"')
    return quoted or content_type:match("[bB]oundary=([^;%s\"]+)")
end

local function plain_find(text, what, from)
    return text:find(what, from, true)
end

-- Returns a list of {name, value}: for each part its header lines (name "header") and its content. Or nil and one phrase saying
-- what is wrong; then nobody can say what a service would read.
function _M.read(body, boundary)
    local mark, parts, count = "--" .. boundary, {}, 0
    local _, at = plain_find(body, mark, 1)
    if not at then return nil, "its boundary does not stand in it" end
    while body:sub(at + 1, at + 2) ~= "--" do
        count = count + 1
        if count > MAX_PARTS then return nil, "it has more than " .. MAX_PARTS .. " parts" end
        local from, to = body:find("\r?\n\r?\n", at + 1)
        local stop = plain_find(body, mark, at + 1)
        if not from or not stop or from > stop then return nil, "a part does not end" end
        local header = body:sub(at + 1, from)
        parts[#parts + 1] = {"header", header}
        -- What a client says a file is called is a text of its own, as a field's name is.
        for parameter, text in header:gmatch('(%l*name%*?)="([^"]*)"') do parts[#parts + 1] = {parameter, text} end
        parts[#parts + 1] = {header:match('[^e]name="([^"]*)"') or header:match("[^e]name=([^;%s]+)") or "", (body:sub(to + 1, stop - 1):gsub("\r?\n$", ""))}
        at = stop + #mark - 1
    end
    return parts
end

return _M
