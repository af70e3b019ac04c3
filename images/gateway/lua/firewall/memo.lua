-- Remembers what was worked out, for the few keys that come again and again; bounded, and cheap to ask.
--
-- Two tables: what is asked for moves to the young one; when that is full it becomes the old one, and the old one is forgotten.
local _M = {}

-- Returns a memory of at most twice `size` keys: a function that looks a key up and one that remembers its value (not nil).
function _M.new(size)
    local young, old, count = {}, {}, 0
    local function set(key, value)
        if count >= size then young, old, count = {}, young, 0 end
        if young[key] == nil then count = count + 1 end
        young[key] = value
    end
    local function get(key)
        local value = young[key]
        if value ~= nil then return value end
        value = old[key]
        if value ~= nil then set(key, value) end
        return value
    end
    return get, set
end

return _M
