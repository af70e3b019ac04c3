-- The firewall's verdict on a request. It reads the request, it does not answer: that is the gateway's part.
local memo = require "firewall.memo"
local score = require "firewall.score"
local texts = require "firewall.texts"
local decode = require "firewall.decode"

local _M = {}

local find, gsub, rep = string.find, string.gsub, string.rep
local re_find = ngx.re.find
-- Values repeat from request to request: those in which no rule found anything are remembered, with where they stood when that
-- decides which rules look at them. Only short ones, so that the memory is bounded.
local is_harmless, remember = memo.new(4000)
local REMEMBERED = 256
-- Every key begins with where its text stood: a text cannot pass for one that stood elsewhere by what it begins with.
local APART = {path = "path:", agent = "agent:", key = "key:"}

-- Headers that hold no text of their own, or that nginx has read already.
local UNREAD = {["content-length"] = true, host = true, connection = true, ["transfer-encoding"] = true, ["proxy-authorization"] = true}
-- Where a browser says which page asks. A page of this very host is no address to lead a service to, even where it is a local one.
local PAGES = {origin = true, referer = true}
-- Headers of entity tags, whose quotes are of the header and not of a text.
local TAGGED = {["if-match"] = true, ["if-none-match"] = true, ["if-range"] = true}
local TOKEN = [==[\A(?:Bearer +)?[\w-]+\.[\w-]+\.[\w-]+\z]==]

local function add(state, where, name, text)
    if state.done or #text < 3 or where ~= "agent" and score.is_plain(text) then return end
    local key = #text <= REMEMBERED and (APART[where] or "=") .. text
    if key and is_harmless(key) then return end
    local context = state.context
    context.where = where
    context.prose = state.prose[name] and where == "json"
    context.exclude = state.fields[name] or state.exclude
    local finding = score.judge(text, context)
    if not finding and key and not context.exclude and not context.prose then remember(key, true) end
    if not finding or finding.score <= state.score then return end
    state.score, state.rules, state.where, state.name = finding.score, finding.rules, where, name
    state.done = finding.score >= score.THRESHOLD
end

-- Numbers that are a whole segment of a path: no rule asks which digits a short one has.
local NUMBERS = "/(%d%d?%d?%d?%d?%d?%d?)%f[/%z]"

local function ones(number)
    return "/" .. rep("1", #number)
end

-- Reads a whole query or path, unless it is one of those in which nothing was found before.
local function whole(state, where, text, read)
    local key = #text <= REMEMBERED and not state.exclude and not next(state.fields) and where .. "=" .. text
    if key and is_harmless(key) then return end
    if key and where == "path" and find(text, "/%d") then
        key = gsub(key, NUMBERS, ones)
        if is_harmless(key) then return end
    end
    local why = read(text, where, state, add)
    if why then return why end
    if key and state.score == 0 then remember(key, true) end
end

local function closed(state, why)
    state.score, state.where, state.name, state.done = score.THRESHOLD, "request", "request", true
    state.rules = {{id = "evasion." .. why, class = "evasion", score = score.THRESHOLD, fragment = why}}
end

local function header_value(state, name, value)
    add(state, "header", name, value)
    if find(value, "%", 1, true) then add(state, "header", name, decode.form(value)) end
end

local function header(state, name, value)
    if UNREAD[name] then return end
    local own = PAGES[name] and state.host and value:match("^https?://([^/?#]*)")
    if own and own == state.host then value = value:match("^https?://[^/?#]*(.*)$") end
    if name == "cookie" then return texts.cookies(value, state, add) end
    if name == "user-agent" then return add(state, "agent", name, value) end
    if name == "authorization" then
        if re_find(value, TOKEN, "jo") then return end
        value = value:match("^[Bb]asic +(%S+)$") or value
    end
    local tags = TAGGED[name] and texts.tags(value)
    if not tags then return header_value(state, name, value) end
    for _, tag in ipairs(tags) do header_value(state, name, tag) end
end

local function headers(state, all)
    for name, value in pairs(all) do
        if type(value) == "string" then
            header(state, name, value)
        elseif type(value) == "table" then
            for _, each in ipairs(value) do header(state, name, each) end
        end
        if state.done then return end
    end
end

-- Judges a request. It holds `path` and `query` as on the wire, `headers` (names in lower case), `truncated` (nil, or what
-- was left out), `body` (nil or text), `content_type` (maybe empty), and from the route `prose`, `exclude` and `fields` (see gateway.routes).
-- Returns {score, rules, where, name, attack} and what was read of a JSON body, or nil and why it could not be read.
function _M.inspect(request)
    local state = {score = 0, rules = {}, context = {}, prose = request.prose or {}, exclude = request.exclude, fields = request.fields or {}}
    state.host = type(request.headers.host) == "string" and request.headers.host or nil
    if request.truncated then closed(state, request.truncated) end
    whole(state, "path", request.path, texts.path)
    if request.query and not state.done and not score.is_plain_query(request.query) and whole(state, "query", request.query, texts.arguments) then closed(state, "arguments") end
    if not state.done then headers(state, request.headers) end
    local read, why
    if request.body and not state.done then
        read, why = texts.body(request.body, request.content_type, state, add)
        if why == texts.TOO_MANY and not state.done then closed(state, "arguments") end
    end
    state.attack = state.score >= score.THRESHOLD
    return state, read, why
end

return _M
