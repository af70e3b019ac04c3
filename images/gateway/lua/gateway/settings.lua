-- The environment of the container, read once when nginx starts. Nothing else in the gateway reads it.
local _M = {}

local function whole(name, default)
    local given = os.getenv(name)
    if given == nil or given == "" then return default end
    local value = tonumber(given:match("^%d+$"))
    if not value or value < 1 then error(name .. " should be a whole number from 1, not " .. given, 0) end
    return value
end

local function origins(text)
    local set = {}
    for origin in (text or ""):gmatch("[^%s,]+") do set[origin] = true end
    return set
end

local MODES = {block = true, detect = true, off = true}

-- Returns the settings; raises one sentence when one of them is not usable.
function _M.read()
    local mode = os.getenv("WAF_MODE") or "block"
    if not MODES[mode] then error("WAF_MODE should be block, detect or off, not " .. mode, 0) end
    return {
        environment = os.getenv("ENVIRONMENT") or "",
        release = os.getenv("RELEASE") or "",
        internal_domain = os.getenv("INTERNAL_DOMAIN") or error("INTERNAL_DOMAIN is not set; it is the domain of the services' names, such as local.internal", 0),
        tasks = whole("GATEWAY_TASKS", 1),
        address_rate = {count = whole("ADDRESS_RATE", 2000), window = 1},
        max_concurrency = whole("MAX_CONCURRENCY", 256),
        mode = mode,
        cors_origins = origins(os.getenv("CORS_ORIGINS")),
        -- The local cloud keeps every bucket at one address, which it gives to each container.
        image_origins = (os.getenv("IMAGE_ORIGINS") or "") .. " " .. (os.getenv("AWS_PUBLIC_ENDPOINT_URL") or ""),
    }
end

return _M
