local identity = require "gateway.identity"
local expect = require "expect"

local tests = {}

local function token(claims)
    return "Bearer e30." .. ngx.encode_base64(claims, true):gsub("+", "-"):gsub("/", "_") .. ".c2ln"
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
