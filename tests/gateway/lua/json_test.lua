local json = require "firewall.json"
local expect = require "expect"

local tests = {}

local function why(text)
    local read, reason = json.read(text)
    assert(read == nil, text)
    return reason
end

function tests.values_are_read_with_every_text_in_them()
    local read = json.read([[ {"a": [1, -2.5e3, true, null, "x"], "b": {"c": "\u0041\n\ud83c\udfac"}} ]])
    expect({read.value.a[1], read.value.a[2], read.value.a[3], read.value.a[4] == json.null}, {1, -2500, true, true})
    expect(read.strings, {{"a", "a", true}, {"a", "x"}, {"b", "b", true}, {"c", "c", true}, {"c", "A\n🎬"}})
end

function tests.an_array_is_told_from_an_object()
    expect({json.is_array(json.read("[]").value), json.is_array(json.read("{}").value)}, {true, false})
end

function tests.what_readers_read_differently_is_refused()
    expect(why('{"a": 1, "a": 2}'), "a key stands twice")
    expect(why('{"a": 1, "\\u0061": 2}'), "a key stands twice")
    expect(why('{"a": 1,}'), "a key should be a string")
    expect(why("[1,]"), "a value is not JSON")
    expect(why("{'a': 1}"), "a key should be a string")
    expect(why('{"a": 1} {}'), "something follows the value")
    expect(why('{"a": 01}'), "a value is not JSON")
    expect(why('{"a": 1.}'), "a value is not JSON")
    expect(why('{"a": NaN}'), "a value is not JSON")
    expect(why('{"a": "\t"}'), "a string holds a control character")
    expect(why('{"a": "\\x41"}'), "an escape is not known")
    expect(why('{"a": "x'), "a string does not end")
    expect(why("/* x */ {}"), "a value is not JSON")
    expect(why("\239\187\191{}"), "a value is not JSON")
    expect(why(""), "a value is not JSON")
end

function tests.depth_is_bounded()
    assert(json.read(("["):rep(31) .. ("]"):rep(31)))
    expect(why(("["):rep(33) .. ("]"):rep(33)), "it is nested too deeply")
end

function tests.what_is_not_utf8_is_refused()
    for _, bytes in ipairs({"\255\254", "\192\175", "\237\160\128", "\195", "\244\144\128\128"}) do
        local read, why = json.read('{"a": "' .. bytes .. '"}')
        expect({read, why}, {nil, "it is not UTF-8"})
    end
    expect(json.read('["é日🎬"]').value, {"é日🎬"})
end

function tests.half_a_surrogate_pair_and_a_nul_are_refused()
    for text, wanted in pairs({['["\\ud800"]'] = "an escape is half a character", ['["\\uDC00x"]'] = "an escape is half a character", ['["\\u0000"]'] = "a string holds a NUL"}) do
        local _, why = json.read(text)
        expect(why, wanted)
    end
end

return tests
