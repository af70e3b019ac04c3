local dns = require "gateway.dns"
local expect = require "expect"

local tests = {}
local NAME = "\5films\4test\0"
local HEADER = "\18\52\129\128\0\1\0\2\0\0\0\0"
local QUESTION = NAME .. "\0\1\0\1"

local function record(kind, data)
    return "\192\12\0" .. string.char(kind) .. "\0\1\0\0\0\5\0" .. string.char(#data) .. data
end

function tests.a_question_is_written_as_the_protocol_says()
    expect(dns.question(0x1234, "films.test"), "\18\52\1\0\0\1\0\0\0\0\0\0" .. QUESTION)
end

function tests.addresses_are_read_past_other_records_and_sorted()
    local answer = "\18\52\129\128\0\1\0\3\0\0\0\0" .. QUESTION .. record(5, "\1x\192\12") .. record(1, "\10\0\0\9") .. record(1, "\10\0\0\2")
    expect(dns.addresses(answer, 0x1234, "films.test"), {"10.0.0.2", "10.0.0.9"})
end

function tests.an_answer_to_another_question_is_none()
    local answer = HEADER .. QUESTION .. record(1, "\10\0\0\9") .. record(1, "\10\0\0\2")
    expect({dns.addresses(answer, 0x1235, "films.test")}, {nil, "the answer is to another question"})
    expect({dns.addresses(answer, 0x1234, "movie.test")}, {nil, "the answer is to another question"})
end

function tests.a_name_that_does_not_exist_and_an_answer_cut_off_are_told_apart()
    expect({dns.addresses("\18\52\129\131\0\1\0\0\0\0\0\0" .. QUESTION, 0x1234, "films.test")}, {nil, "there is no such name"})
    expect({dns.addresses(HEADER .. QUESTION .. "\192", 0x1234, "films.test")}, {nil, "the answer is cut off"})
    expect({dns.addresses("\18\52", 0x1234, "films.test")}, {nil, "the answer is to another question"})
end

return tests
