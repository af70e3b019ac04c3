local multipart = require "firewall.multipart"
local expect = require "expect"

local tests = {}

local BODY = '--cut\r\nContent-Disposition: form-data; name="a"; filename="b.txt"\r\n\r\nhello\r\nworld\r\n--cut\r\n'
    .. 'Content-Disposition: form-data; name=c\r\n\r\n\r\n--cut--\r\n'

function tests.the_boundary_is_found_quoted_and_bare()
    expect(multipart.boundary('multipart/form-data; boundary="a b"'), "a b")
    expect(multipart.boundary("multipart/form-data; boundary=cut; charset=utf-8"), "cut")
    expect(multipart.boundary("multipart/form-data"), nil)
end

function tests.names_and_values_are_found()
    local parts = multipart.read(BODY, "cut")
    expect({parts[4], parts[6], #parts}, {{"a", "hello\r\nworld"}, {"c", ""}, 6})
end

function tests.line_feeds_alone_do_too()
    local parts = multipart.read(BODY:gsub("\r\n", "\n"), "cut")
    expect(parts[4], {"a", "hello\nworld"})
end

function tests.a_fields_name_and_a_files_name_are_texts_of_their_own()
    local parts = multipart.read(BODY, "cut")
    expect({parts[2], parts[3]}, {{"name", "a"}, {"filename", "b.txt"}})
end

function tests.what_does_not_end_is_refused()
    local _, why = multipart.read("--cut\r\nX: y\r\n\r\nhello", "cut")
    expect(why, "a part does not end")
    _, why = multipart.read("hello", "cut")
    expect(why, "its boundary does not stand in it")
end

function tests.parts_are_counted()
    local part = "--cut\r\nX: y\r\n\r\nhello\r\n"
    local _, why = multipart.read(part:rep(101) .. "--cut--", "cut")
    expect(why, "it has more than 100 parts")
end

return tests
