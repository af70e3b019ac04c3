-- Runs every function of the test modules below; a test fails by raising.
local cjson = require "cjson.safe"

local MODULES = {
    "rules_test", "decode_test", "forms_test", "expression_test", "json_test", "multipart_test", "schema_test", "limits_test", "identity_test", "dns_test",
    "audit_test", "pattern_test", "plain_test", "texts_test", "routes_test", "page_test", "logged_test",
}
local failed = false

local function report(module, name, why)
    failed = failed or why ~= nil
    io.stdout:write(cjson.encode({module = module, test = name, failure = why}), "\n")
end

for _, module in ipairs(MODULES) do
    local names, tests = {}, require(module)
    for name in pairs(tests) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
        local done, why = pcall(tests[name])
        report(module, name, not done and tostring(why) or nil)
    end
end
io.stdout:flush()
os.exit(failed and 1 or 0)
