-- Rate limits that hold exactly across workers: of one key at most `count` requests in any `window` seconds.
--
-- A key has `count` slots in a shared dictionary. A request is admitted when it takes a slot that is free, which `safe_add`
-- does atomically; a slot is free again `window` seconds later. So no interleaving of workers admits too many, and the
-- dictionary never drops a slot that is still held: when it is full, the answer is no.
local _M = {}

local ceil, floor, max = math.ceil, math.floor, math.max

-- Returns the limit for one of `tasks` gateway tasks: they share it evenly.
function _M.share(limit, tasks)
    return {count = max(1, floor(limit.count / tasks)), window = limit.window}
end

-- Returns how many of `count` slots are free. From the cursor on they are in the order in which they were taken,
-- so the first that is held is found by halving.
local function free_slots(dict, key, cursor, count)
    local low, high = 0, count
    while low < high do
        local middle = floor((low + high) / 2)
        if dict:get(key .. (cursor + middle) % count) then high = middle else low = middle + 1 end
    end
    return low
end

-- Moves the cursor on. It is forgotten when nobody has asked for a while; then all slots are free.
local function advance(dict, cursor_key, seconds)
    if dict:incr(cursor_key, 1) then return dict:expire(cursor_key, seconds) end
    dict:safe_add(cursor_key, 0, seconds)
    return dict:incr(cursor_key, 1)
end

-- Whether the slot at the cursor is the oldest one, so that all are held. When it is younger than the one after it, another
-- worker has just taken it and is about to move the cursor; then the next one is ours to try.
local function is_oldest(dict, key, cursor, count)
    local next_held = dict:ttl(key .. (cursor + 1) % count)
    return next_held ~= nil and (dict:ttl(key .. cursor % count) or 0) <= next_held
end

-- Takes one request from `key`'s limit. Returns admitted, remaining, seconds until a slot is free (0 when one is),
-- or nil and "no memory".
function _M.take(dict, key, limit)
    local count, window, cursor_key = limit.count, limit.window, key .. "c"
    local cursor = dict:get(cursor_key) or 0
    for _ = 1, count do
        local taken, why = dict:safe_add(key .. cursor % count, true, window)
        if taken then
            if not advance(dict, cursor_key, window * 2) then return nil, "no memory" end
            return true, free_slots(dict, key, cursor + 1, count), 0
        end
        if why == "no memory" then return nil, why end
        local now = dict:get(cursor_key) or cursor
        if now <= cursor and is_oldest(dict, key, cursor, count) then break end
        cursor = now > cursor and now or cursor + 1
    end
    return false, 0, dict:ttl(key .. cursor % count) or 0
end

-- Sets the RateLimit fields (draft-ietf-httpapi-ratelimit-headers) and, when refused, Retry-After in whole seconds.
function _M.announce(header, limit, admitted, remaining, wait)
    header["RateLimit-Policy"] = '"default";q=' .. limit.count .. ";w=" .. limit.window
    header["RateLimit"] = '"default";r=' .. remaining .. ";t=" .. (admitted and limit.window or max(1, ceil(wait)))
    if not admitted then header["Retry-After"] = max(1, ceil(wait)) end
end

return _M
