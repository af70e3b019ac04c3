-- A thousand clients in turn, so that the load meets no client's limit. With the argument `fresh` no two requests have a value in
-- common that a firewall could remember; without it all are for the path that wrk is given.
local WORDS = {"alien", "brazil", "am%C3%A9lie", "delicatessen", "exotica", "fargo", "gilda", "heat", "ikiru", "jaws"}
local number, fresh = 0, false

function init(arguments)
    fresh = arguments[1] == "fresh"
    math.randomseed(os.time())
end

local function fresh_path()
    return string.format("/films?title=%s+%d%%20%s&limit=%d&cursor=%08x%06x", WORDS[math.random(#WORDS)], number,
        WORDS[math.random(#WORDS)], number % 97 + 1, math.random(2 ^ 31 - 1), number)
end

function request()
    number = number + 1
    wrk.headers["X-Forwarded-For"] = "198.51." .. number % 40 .. "." .. number % 250
    return wrk.format("GET", fresh and fresh_path() or nil)
end
