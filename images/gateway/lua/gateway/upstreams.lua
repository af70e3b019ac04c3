-- Where each service is now: its name is asked again every two seconds, so a changed address is noticed without a reload.
-- The last known addresses stay when the name server fails: an old address is better than none.
local balancer = require "ngx.balancer"
local dns = require "gateway.dns"

local _M = {}

local EVERY = 2
local PORT = 80
local known = {} -- name -> {addresses, next}
local names = {}
local server

local function refresh(name)
    local addresses, why = dns.resolve(server, name, 1)
    if not addresses then
        if known[name] then ngx.log(ngx.WARN, name, " keeps its old addresses: ", why) end
        return known[name], why
    end
    local entry = known[name] or {next = 0}
    entry.addresses = addresses
    known[name] = entry
    return entry
end

local function refresh_all(premature)
    if premature then return end
    local threads = {}
    for index, name in ipairs(names) do threads[index] = ngx.thread.spawn(refresh, name) end
    for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
end

-- Starts to follow `all` (a list of names) by asking `nameserver`. Call it when a worker starts.
function _M.follow(nameserver, all)
    server, names = nameserver, all
    math.randomseed(ngx.worker.pid() + ngx.now() * 1000)
    ngx.timer.at(0, refresh_all)
    ngx.timer.every(EVERY, refresh_all)
end

-- Returns true when an address of `name` is known, asking for it first if need be; else nil and why.
function _M.ready(name)
    if known[name] then return true end
    local entry, why = refresh(name)
    return entry and true, why
end

-- Chooses the next address of `name` in turn. In the balancer phase; allows one retry, which goes to the address after it
-- (proxy_next_upstream_tries keeps it to one).
function _M.balance(name)
    local entry = known[name]
    balancer.set_more_tries(1)
    entry.next = entry.next % #entry.addresses + 1
    local done, why = balancer.set_current_peer(entry.addresses[entry.next], PORT)
    if not done then ngx.log(ngx.ERR, "cannot choose an address of ", name, ": ", why) end
end

return _M
