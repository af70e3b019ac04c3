local logged = require "gateway.logged"
local expect = require "expect"

local tests = {}

-- The bytes that nginx makes of a text (escape=json).
local function escaped(text)
    local _, quotes = text:gsub('["\\]', "")
    local _, controls = text:gsub("[%z\1-\31]", "")
    return #text + quotes + 5 * controls
end

function tests.what_is_short_enough_stays_as_it_is()
    for _, text in ipairs {"", "/films", ("x"):rep(120), '"' .. ("x"):rep(19), ("\1"):rep(20)} do expect(logged.short(text, 120), text) end
end

function tests.what_is_longer_is_cut_and_marked()
    expect(logged.short(("x"):rep(121), 120), ("x"):rep(120) .. "…")
end

function tests.what_nginx_writes_longer_than_it_is_is_cut_earlier()
    for _, letter in ipairs {"\1", '"', "\\", "\n", "\0"} do
        local short = logged.short(letter:rep(1000), 120)
        expect(short, letter:rep(20) .. "…")
        expect(escaped(short) <= 120 + 3, true)
    end
end

function tests.no_letter_is_cut_in_half()
    expect(logged.short("x" .. ("é"):rep(100), 120), "x" .. ("é"):rep(59) .. "…")
    expect(logged.short(("字"):rep(100), 121), ("字"):rep(40) .. "…")
end

function tests.the_line_names_what_was_cut()
    local var = {gw_path = "/" .. ("x"):rep(5000), gw_agent = "curl", gw_asked_method = ("A"):rep(40), gw_cut = ""}
    logged.cut(var)
    expect(var, {gw_path = "/" .. ("x"):rep(1023) .. "…", gw_agent = "curl", gw_asked_method = ("A"):rep(32) .. "…", gw_cut = "path method"})
end

function tests.of_an_ordinary_request_nothing_is_cut()
    local var = {gw_path = "/films", gw_agent = ("Mozilla/5.0 "):rep(12), gw_asked_method = "GET", gw_cut = ""}
    logged.cut(var)
    expect(var, {gw_path = "/films", gw_agent = ("Mozilla/5.0 "):rep(12), gw_asked_method = "GET", gw_cut = ""})
end

return tests
