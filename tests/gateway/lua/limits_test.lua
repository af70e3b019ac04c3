local limits = require "gateway.limits"
local expect = require "expect"

local tests = {}
local dict = ngx.shared.limits

function tests.as_many_are_admitted_as_the_limit_says_and_the_rest_counts_down()
    local seen = {}
    for index = 1, 4 do
        local limit = {count = 3, window = 60}
        local admitted, cursor = limits.take(dict, "count:", limit)
        seen[index] = {admitted, admitted and limits.remaining(dict, "count:", limit, cursor) or 0}
    end
    expect(seen, {{true, 2}, {true, 1}, {true, 0}, {false, 0}})
end

function tests.a_refused_request_is_told_how_long_to_wait()
    limits.take(dict, "wait:", {count = 1, window = 60})
    local admitted, wait = limits.take(dict, "wait:", {count = 1, window = 60})
    expect(admitted, false)
    assert(wait > 59 and wait <= 60, wait)
end

function tests.keys_do_not_share()
    limits.take(dict, "mine:", {count = 1, window = 60})
    expect({limits.take(dict, "yours:", {count = 1, window = 60})}, {true, 1})
end

function tests.a_slot_that_another_worker_is_taking_is_passed_over()
    limits.take(dict, "busy:", {count = 3, window = 60})
    dict:safe_add("busy:1", true, 60) -- the other worker has the slot and has not moved the cursor yet
    local admitted = limits.take(dict, "busy:", {count = 3, window = 60})
    expect({admitted, dict:get("busy:2")}, {true, true})
end

function tests.a_full_dictionary_says_no_and_forgets_nobody()
    limits.take(dict, "held:", {count = 1, window = 60})
    local filled, why = 0, nil
    repeat
        local admitted
        admitted, why = limits.take(dict, "fill" .. filled .. ":", {count = 1, window = 60})
        filled = filled + 1
    until not admitted or filled > 100000
    expect(why, "no memory")
    expect({limits.take(dict, "held:", {count = 1, window = 60})}, {false, dict:ttl("held:0")})
    dict:flush_all()
end

function tests.a_coarse_limit_counts_this_window_and_what_still_weighs_of_the_last()
    local limit, seen = {count = 4, window = 1}, {}
    for _ = 1, 5 do seen[#seen + 1] = limits.count(dict, "coarse:", limit, 100.5, 2) end
    expect(seen, {true, true, true, true, false})
    expect({limits.count(dict, "coarse:", limit, 101.25, 2)}, {true})
    expect({limits.count(dict, "coarse:", limit, 101.25, 2)}, {false, 0.75})
    expect({limits.count(dict, "coarse:", limit, 103, 2)}, {true})
end

function tests.a_full_dictionary_forgets_those_who_are_silent_and_not_the_one_who_floods()
    local limit = {count = 10, window = 3600}
    for _ = 1, 10 do limits.count(dict, "flood", limit, 3600.5, 1) end
    limits.count(dict, "silent", limit, 3600.5, 1)
    for number = 1, 20000 do
        limits.count(dict, "crowd" .. number, limit, 3600.5, 1)
        if number % 100 == 0 then expect({number, (limits.count(dict, "flood", limit, 3600.5, 1))}, {number, false}) end
    end
    expect(dict:get("silent:1"), nil)
    dict:flush_all()
end

function tests.what_workers_have_not_told_each_other_never_makes_a_coarse_limit_too_wide()
    local workers, admitted = {}, 0
    for index = 1, 4 do workers[index] = {count = 640, window = 1} end
    for turn = 1, 2000 do
        if limits.count(dict, "untold:", workers[turn % 7 % 4 + 1], 200.5, 4) then admitted = admitted + 1 end
    end
    assert(admitted <= 640 and admitted >= 620, admitted)
end

function tests.a_client_that_asks_much_is_told_what_remains_as_exactly()
    local limit = {count = 100, window = 60}
    for taken = 1, 100 do
        local _, cursor = limits.take(dict, "much:", limit)
        expect(limits.remaining(dict, "much:", limit, cursor), 100 - taken)
    end
end

-- Lets time pass where nothing can sleep.
local function later(seconds)
    local began = ngx.now()
    repeat ngx.update_time() until ngx.now() >= began + seconds
end

function tests.what_remains_is_never_more_than_there_is_and_is_exact_when_little_is_left()
    local limit = {count = 40, window = 0.2}
    for step = 1, 400 do
        later(0.002)
        local admitted, cursor = limits.take(dict, "steady:", limit)
        if admitted then
            local said, held = limits.remaining(dict, "steady:", limit, cursor), 0
            for slot = 0, 39 do held = held + (dict:get("steady:" .. slot) and 1 or 0) end
            assert(said <= 40 - held, step)
            if held > 20 then expect(said, 40 - held) end
        end
    end
end

function tests.tasks_share_a_limit_and_each_keeps_one()
    expect(limits.share({count = 50, window = 1}, 4), {count = 12, window = 1})
    expect(limits.share({count = 2, window = 60}, 4), {count = 1, window = 60})
end

function tests.the_fields_say_the_policy_and_what_is_left()
    local header = {}
    limits.announce(header, {count = 50, window = 60}, 0, 12.2)
    expect(header, {["RateLimit-Policy"] = '"default";q=50;w=60', RateLimit = '"default";r=0;t=13', ["Retry-After"] = 13})
end

return tests
