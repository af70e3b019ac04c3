-- Rate limits that hold exactly across workers: of one key at most `count` requests in any `window` seconds.
--
-- A key has `count` slots in a shared dictionary. A request is admitted when it takes a slot that is free, which `safe_add`
-- does atomically; a slot is free again `window` seconds later. So no interleaving of workers admits too many, and the
-- dictionary never drops a slot that is still held: when it is full, the answer is no. Looking into the dictionary is what costs:
-- with thousands of clients every look walks a tree that no cache holds.
local memo = require "firewall.memo"

local _M = {}

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

-- Turning a number into text costs more than looking it up.
local TEXT = setmetatable({}, {__index = function(_, number) return tostring(number) end})
for number = 0, 1000 do TEXT[number] = tostring(number) end

-- Returns the limit for one of `tasks` gateway tasks: they share it evenly.
function _M.share(limit, tasks)
    return {count = max(1, floor(limit.count / tasks)), window = limit.window}
end

-- When this worker last put off the end of a cursor, and what it last saw of a key.
local put_off_at, note_put_off = memo.new(4000)
local seen_of, note_seen = memo.new(4000)

-- Moves the cursor on. It is forgotten when nobody has asked for a while; then all slots are free. Its end is put off once a
-- window, by three windows and more than any slot is held.
local function advance(dict, cursor_key, window)
    if not dict:incr(cursor_key, 1) then
        dict:safe_add(cursor_key, 0, window * 4)
        return dict:incr(cursor_key, 1)
    end
    local now = ngx.now()
    if now - (put_off_at(cursor_key) or 0) > window then
        note_put_off(cursor_key, now)
        return dict:expire(cursor_key, window * 4)
    end
    return true
end

-- Whether the slot at the cursor is the oldest one, so that all are held. When it is younger than the one after it, another
-- worker has just taken it and is about to move the cursor; then the next one is ours to try.
local function is_oldest(dict, key, cursor, count)
    local next_held = dict:ttl(key .. TEXT[(cursor + 1) % count])
    return next_held ~= nil and (dict:ttl(key .. TEXT[cursor % count]) or 0) <= next_held
end

-- Takes one request from `key`'s limit. Returns true and the cursor, false and the seconds until a slot is free, or nil and
-- "no memory".
function _M.take(dict, key, limit)
    local count, window, cursor_key = limit.count, limit.window, key .. "c"
    local cursor = dict:get(cursor_key) or 0
    for _ = 1, count do
        local taken, why = dict:safe_add(key .. TEXT[cursor % count], true, window)
        if taken then
            if not advance(dict, cursor_key, window) then return nil, "no memory" end
            return true, cursor + 1
        end
        if why == "no memory" then return nil, why end
        local now = dict:get(cursor_key) or cursor
        if now <= cursor and is_oldest(dict, key, cursor, count) then break end
        cursor = now > cursor and now or cursor + 1
    end
    return false, dict:ttl(key .. TEXT[cursor % count]) or 0
end

local function is_held(dict, key, limit, cursor, back)
    return dict:get(key .. TEXT[(cursor - back) % limit.count]) ~= nil
end

-- Returns how many slots are held. The slots before the cursor were taken last, in order: the search goes back from it in
-- doubling steps, then halves.
local function held_slots(dict, key, limit, cursor)
    local held, free, step = 1, limit.count + 1, 1
    while free - held > 1 do
        local guess = step and min(held + step, free - 1) or floor((held + free) / 2)
        if is_held(dict, key, limit, cursor, guess) then held = guess else free, step = guess, nil end
        step = step and step * 2
    end
    return held
end

-- What this worker knows of a key without looking: the cursor at three moments. Whatever was taken up to a moment that is a
-- window ago is free again, so the slots after that are all that can be held.
local function remember(dict, key, limit, cursor, now)
    local seen = {expired = cursor - held_slots(dict, key, limit, cursor), mark_at = now, mark = cursor, last_at = now, last = cursor}
    note_seen(key, seen)
    return seen
end

local function move_on(seen, window, cursor, now)
    if now - seen.last_at >= window then
        seen.expired, seen.mark_at, seen.mark = seen.last, now, cursor
    elseif now - seen.mark_at >= window then
        seen.expired, seen.mark_at, seen.mark = seen.mark, now, cursor
    end
    seen.last_at, seen.last = now, cursor
end

-- Returns how many slots are free, or fewer, after `take` has admitted a request at `cursor`: exactly when it is less than half.
-- Until then a steady client may be told of less than it has, never of more.
function _M.remaining(dict, key, limit, cursor)
    local now, count, seen = ngx.now(), limit.count, seen_of(key)
    -- A cursor that nobody asked for is forgotten, and begins anew.
    if not seen or seen.last > cursor or now - seen.last_at > limit.window * 2 then
        seen = remember(dict, key, limit, cursor, now)
    else
        move_on(seen, limit.window, cursor, now)
        if (cursor - seen.expired) * 2 > count then seen.expired = cursor - held_slots(dict, key, limit, cursor) end
    end
    return count - (cursor - seen.expired)
end

-- Counts one request against a coarse limit, for what only has to be kept from flooding us: a counter for this window and the
-- share of the last one that still weighs. Never more than `count` in a window by the clock; cheap at any rate.
-- Returns admitted, and the seconds to wait when not.
function _M.count(dict, key, limit, now)
    local window = limit.window
    local number = floor(now / window)
    local share = now / window - number
    local this = key .. number
    local counted = dict:incr(this, 1, 0, window * 2) or limit.count + 1
    -- What the last window may weigh at most decides nearly always.
    if counted + limit.count * (1 - share) <= limit.count then return true end
    local before = dict:get(key .. number - 1) or 0
    if counted + before * (1 - share) <= limit.count then return true end
    dict:incr(this, -1)
    return false, window * (1 - share)
end

-- Sets the RateLimit fields (draft-ietf-httpapi-ratelimit-headers). `wait`, in seconds, is that of a refused request; it gets
-- Retry-After too, in whole seconds.
function _M.announce(header, limit, remaining, wait)
    if not limit.policy then limit.policy = '"default";q=' .. limit.count .. ";w=" .. limit.window end
    header["RateLimit-Policy"] = limit.policy
    header["RateLimit"] = '"default";r=' .. remaining .. ";t=" .. (wait and max(1, ceil(wait)) or limit.window)
    if wait then header["Retry-After"] = max(1, ceil(wait)) end
end

return _M
