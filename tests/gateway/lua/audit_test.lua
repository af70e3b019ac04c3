local audit = require "firewall.audit"
local expect = require "expect"

local tests = {}

function tests.what_may_be_a_secret_is_cut_short()
    expect(audit.redacted("' or hunter2hunter2hunter2=1"), "' or hun...=1")
    expect(audit.redacted("mail ana.maria@example.org now"), "mail ...@... now")
end

function tests.control_characters_do_not_get_into_a_log()
    expect(audit.redacted("a\r\nb\0c\27d"), "a..b.c.d")
end

return tests
