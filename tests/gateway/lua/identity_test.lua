local identity = require "gateway.identity"
local expect = require "expect"

local tests = {}
local FRESH = "00112233445566778899aabbccddeeff"

local function token(claims)
    return "Bearer e30." .. ngx.encode_base64(claims, true):gsub("+", "-"):gsub("/", "_") .. ".c2ln"
end

function tests.a_request_id_is_kept_when_it_is_harmless()
    expect(identity.request_id("abc.DEF_12-3", FRESH), "abc.DEF_12-3")
    for _, given in ipairs({"", "short", ("x"):rep(129), "has blank here", "line\nbreak-here", {"two", "of them"}}) do
        expect(identity.request_id(given, FRESH), FRESH)
    end
end

function tests.a_trace_goes_on_and_a_false_one_begins_anew()
    local trace = "0af7651916cd43dd8448eb211c80319c"
    expect(identity.traceparent("00-" .. trace .. "-b7ad6b7169203331-00", FRESH), "00-" .. trace .. "-445566778899aabb-00")
    expect(identity.traceparent("00-" .. ("0"):rep(32) .. "-b7ad6b7169203331-00", FRESH), "00-" .. FRESH .. "-445566778899aabb-01")
end

function tests.a_client_id_comes_out_of_a_bearer_token()
    expect(identity.client_id(token('{"client_id":"reviews","sub":"x"}')), "reviews")
    expect(identity.client_id(token('{"sub":"someone"}')), "someone")
end

function tests.what_is_no_token_names_nobody()
    for _, given in ipairs({"Basic eDp5", "Bearer abc", token("[]"), token('{"client_id":7}'), token('{"client_id":"a b\\n"}'), "Bearer " .. ("x"):rep(9000)}) do
        expect(identity.client_id(given), "")
    end
    expect(identity.client_id(nil), "")
end

return tests
