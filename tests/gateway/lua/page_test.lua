local page = require "gateway.page"
local expect = require "expect"

local tests = {}
local TAG = 'W/"0a1b"'

function tests.who_has_it_is_known_by_one_tag_of_many_compared_weakly()
    for _, field in ipairs {'W/"0a1b"', '"0a1b"', '"x", W/"0a1b"', '"x","0a1b" , "y"', "*", " * "} do
        expect({field, page.is_known(field, TAG)}, {field, true})
    end
end

function tests.who_has_another_or_none_is_not()
    for _, field in ipairs {"", '"x"', '"0a1B"', '"x0a1b", "0a1bx"', "0a1b", 'W/"0a1b', '"*"', '*, "x"'} do
        expect({field, page.is_known(field, TAG)}, {field, false})
    end
    expect(page.is_known(nil, TAG), false)
end

return tests
