-- The page at `/`, from files that are read once and kept in memory, and what it needs to know of where it is.
local cjson = require "cjson.safe"

local _M = {}

local FOLDER = "/usr/share/gateway/page/"
local SCRIPT = "text/javascript; charset=utf-8"
local FILES = {
    ["/"] = {"index.html", "text/html; charset=utf-8"},
    ["/page/style.css"] = {"style.css", "text/css; charset=utf-8"},
    ["/page/icon.svg"] = {"icon.svg", "image/svg+xml"},
    ["/page/page.js"] = {"page.js", SCRIPT},
    ["/page/chart.js"] = {"chart.js", SCRIPT},
    ["/page/film.js"] = {"film.js", SCRIPT},
    ["/page/posters.js"] = {"posters.js", SCRIPT},
    ["/page/dom.js"] = {"dom.js", SCRIPT},
}

-- Nothing but what this gateway serves; pictures may also come from the buckets that services keep them in.
local POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'%s; "
    .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

local function read(name)
    local file = assert(io.open(FOLDER .. name, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

-- An origin is a scheme and a host, perhaps with a port; anything else would end up as another rule of the policy.
local function origins(text)
    local list = {}
    for origin in text:gmatch("[^%s,]+") do
        if not origin:match("^https?://[%w%.:-]+$") then
            error("IMAGE_ORIGINS should hold origins such as https://pictures.example.org, not " .. origin, 0)
        end
        list[#list + 1] = " " .. origin
    end
    return table.concat(list)
end

local function resource(body, kind)
    -- Weak: the same page, compressed or not.
    return {body = body, kind = kind, tag = 'W/"' .. ngx.md5(body) .. '"'}
end

-- Returns the page's resources by path; `settings` are those of `gateway.settings`.
function _M.load(settings)
    local found = {policy = POLICY:format(origins(settings.image_origins)), resources = {}}
    for path, described in pairs(FILES) do
        found.resources[path] = resource(read(described[1]), described[2])
    end
    local about = cjson.encode({environment = settings.environment, release = settings.release})
    found.resources["/environment.json"] = resource(about .. "\n", "application/json")
    return found
end

-- Whether a client with this If-None-Match (nil when it sent none; nginx refuses a second one) has what has the tag: one of a list,
-- compared weakly, or * (RFC 9110, 13.1.2).
function _M.is_known(list, tag)
    if not list then return false end
    if list:match("^%s*%*%s*$") then return true end
    local own = tag:match('"[^"]*"')
    for one in list:gmatch('"[^"]*"') do
        if one == own then return true end
    end
    return false
end

-- Answers with one of the page's resources, or says that the client has it already; `known` is its If-None-Match.
function _M.send(page, one, known)
    local header = ngx.header
    header["Content-Type"] = one.kind
    header["Cache-Control"] = "no-cache"
    header["ETag"] = one.tag
    ngx.var.gw_content_policy = page.policy
    if _M.is_known(known, one.tag) then
        ngx.status = 304
        ngx.send_headers()
        return ngx.exit(ngx.OK)
    end
    header["Content-Length"] = #one.body
    ngx.print(one.body)
    return ngx.exit(ngx.OK)
end

return _M
