-- A thousand clients in turn, so that the load meets no client's limit.
local number = 0

function request()
    number = number + 1
    wrk.headers["X-Forwarded-For"] = "198.51." .. number % 40 .. "." .. number % 250
    return wrk.format("GET")
end
