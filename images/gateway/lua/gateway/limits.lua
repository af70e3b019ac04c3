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

-- What this worker remembers of a key, so that it need not look: the cursor that it left, when that was, when it last put off the
-- cursor's end; and for `remaining` up to which cursor all slots are free again, and the cursor at a moment since.
local memory_of, note = memo.new(4000)

local function remember(key)
    local memory = {cursor = 0, at = -math.huge, put_off_at = -math.huge}
    note(key, memory)
    return memory
end

-- Moves the cursor on; returns true and the cursor, or nil and "no memory". It is forgotten when nobody has asked for a while; then
-- all slots are free. Its end is put off once a window, by three windows and more than any slot is held.
local function advance(dict, cursor_key, window, memory, now)
    local cursor = dict:incr(cursor_key, 1)
    if not cursor then
        dict:safe_add(cursor_key, 0, window * 4)
        cursor = dict:incr(cursor_key, 1)
        if not cursor then return nil, "no memory" end
    elseif now - memory.put_off_at > window then
        memory.put_off_at = now
        dict:expire(cursor_key, window * 4)
    end
    memory.cursor, memory.at = cursor, now
    return true, cursor
end

-- Whether the slot at the cursor is the oldest one, so that all are held. When it is younger than the one after it, another
-- worker has just taken it and is about to move the cursor; then the next one is ours to try.
local function is_oldest(dict, key, cursor, count)
    local next_held = dict:ttl(key .. TEXT[(cursor + 1) % count])
    return next_held ~= nil and (dict:ttl(key .. TEXT[cursor % count]) or 0) <= next_held
end

-- Looks for a free slot from the cursor on, which other workers move as well.
local function search(dict, key, limit, memory, now)
    local count, window, cursor_key = limit.count, limit.window, key .. "c"
    local cursor = dict:get(cursor_key) or 0
    for _ = 1, count do
        local taken, why = dict:safe_add(key .. TEXT[cursor % count], true, window)
        if taken then return advance(dict, cursor_key, window, memory, now) end
        if why == "no memory" then return nil, why end
        local moved = dict:get(cursor_key) or cursor
        if moved <= cursor and is_oldest(dict, key, cursor, count) then break end
        cursor = moved > cursor and moved or cursor + 1
    end
    return false, dict:ttl(key .. TEXT[cursor % count]) or 0
end

-- Takes one request from `key`'s limit. Returns true and the cursor, false and the seconds until a slot is free, or nil and
-- "no memory".
function _M.take(dict, key, limit)
    local now, window, memory = ngx.now(), limit.window, memory_of(key) or remember(key)
    -- Whoever takes a slot holds it for a window: one that is free where this worker left off less than a window ago has been
    -- nobody's since, and the cursor is still there.
    if now - memory.at < window and dict:safe_add(key .. TEXT[memory.cursor % limit.count], true, window) then
        return advance(dict, key .. "c", window, memory, now)
    end
    return search(dict, key, limit, memory, now)
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

-- Returns how many slots are free, or fewer, after `take` has admitted a request at `cursor`: exactly when it is less than half.
-- Until then a steady client may be told of less than it has, never of more. What was taken up to a moment that is a window ago is
-- free again, so that what this worker remembers is enough, while it sees the client at least once a window.
function _M.remaining(dict, key, limit, cursor)
    local now, memory, window = ngx.now(), memory_of(key), limit.window
    local age = now - (memory.marked_at or -math.huge)
    local known = age < window * 2
    if age >= window then
        memory.free, memory.mark, memory.marked_at = memory.mark, cursor, now
    end
    if not known or (cursor - memory.free) * 2 > limit.count then memory.free = cursor - held_slots(dict, key, limit, cursor) end
    return limit.count - (cursor - memory.free)
end

-- Counts for this worker alone what it lets pass in this window, and returns that; windows before are forgotten.
local function counted_here(limit, key, number)
    if limit.counted_in ~= number then limit.counted, limit.counted_in = {}, number end
    local here = (limit.counted[key] or 0) + 1
    limit.counted[key] = here
    return here
end

-- Counts one request against a coarse limit, for what only has to be kept from flooding us: a counter for this window and the
-- share of the last one that still weighs. Never more than `count` in a window by the clock, and at most a 32nd less: so much
-- all workers together may let pass before they tell each other, since asking the dictionary is what costs.
-- Returns admitted, and the seconds to wait when not.
function _M.count(dict, key, limit, now, workers)
    local window = limit.window
    local number = floor(now / window)
    local untold, here = floor(limit.count / (32 * workers)), counted_here(limit, key, number)
    if here <= untold then return true end
    local share, this, most = now / window - number, key .. ":" .. number, limit.count - (workers - 1) * untold
    local step = here == untold + 1 and here or 1
    local counted = dict:incr(this, step, 0, window * 2) or limit.count + 1
    -- What the last window may weigh at most decides nearly always.
    if counted + limit.count * (1 - share) <= most then return true end
    local before = dict:get(key .. ":" .. number - 1) or 0
    if counted + before * (1 - share) <= most then return true end
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
