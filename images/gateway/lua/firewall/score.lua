-- Adds up what the rules say of one text. A text that reaches THRESHOLD is an attack.
local decode = require "firewall.decode"
local expression = require "firewall.expression"
local forms = require "firewall.forms"
local pattern = require "firewall.pattern"
local plains = require "firewall.plain"

local _M = {THRESHOLD = 5}

local find, matches = pattern.find, pattern.matches
local THRESHOLD = _M.THRESHOLD
local CLASSES = {
    require "firewall.rules.sql", require "firewall.rules.xss", require "firewall.rules.path", require "firewall.rules.command",
    require "firewall.rules.template", require "firewall.rules.structured", require "firewall.rules.protocol", require "firewall.rules.scanner",
    require "firewall.rules.probe", require "firewall.rules.sql_expression",
}
_M.classes = CLASSES

local compiled = {}

-- Rules in a row need the same, which is compiled once.
local function needed(expression)
    if not expression then return nil end
    compiled[expression] = compiled[expression] or pattern.new(expression, "ij")
    return compiled[expression]
end

for _, class in ipairs(CLASSES) do
    class.opens = pattern.new(pattern.grouped(class.gate), "ij")
    for _, rule in ipairs(class.rules) do
        rule.class = class.class
        rule.prose = rule.prose or rule.score
        rule.expression = pattern.new(rule.pattern, "ijs")
        rule.needed = needed(rule.needs)
    end
end

-- Most values are words and numbers: of those only what stands here can matter to any rule.
-- Letters of two bytes (é, я, π) are as harmless as those of one; no decoding takes them for anything else.
local PLAIN = [==[\A(?:[\w\s.,@+:-]++|[\xc3-\xdf][\x80-\xbf])*+\z]==]
local TELLING = [==[union|select|insert|update|delete|drop\s|alter\s|truncate|create\s|exec|declare|waitfor|sleep|__|_schema|sqlite_|[sx]p_|dbms_|utl_|pg_|all_tab|user_|sys|@@|]==]
    .. [==[order\s+by|group\s+by|having|outfile|dumpfile|infile|grant\s|\s-|[\r\n]|jndi|ro0ab|gasv|h4siaaa|(?-i:\ABAh[vb7JUI])|(?-i:\AgA[JNRS][VXY9cj])|instance-|prototype|constructor|aced0|script:|data:|pickle|phpinfo|java\.lang|net\s+\w|set\s|\d\s*(?:or|and)\b|child_process|gobject|\.(?:ini|dat|conf|php|env|sh|nasl)|oast|burp|interact|collab|\.\.|:\d|::]==]

local plain = plains.new(PLAIN, TELLING)
_M.is_words, _M.is_plain, _M.is_plain_query = plain.words, plain.text, plain.query

local FORMS = {uncommented = forms.uncommented, split = forms.split, unquoted = forms.unquoted, untagged = forms.untagged, expression = expression.kinds}

-- Resolves /./ and // so that a path reads the same however it was padded.
function FORMS.path(text)
    if not ngx.re.find(text, [==[[/\\]\.?[/\\]]==], "jo") then return text end
    local short, _, why = ngx.re.gsub(text, [==[[/\\](?:\.?[/\\])++]==], "/", "jo")
    return short or error(why, 0)
end

-- A finding is one text's verdict: score, and the rules that made it with what they matched.
local function new_finding()
    return {score = 0, rules = {}, seen = {}}
end

local function excluded(exclude, rule)
    return exclude and (exclude[rule.id] or exclude[rule.class])
end

local last_text, last_needs, last_found

-- Whether a text has what a rule needs before it can match. Rules in a row need the same, which is looked for once.
local function has(text, needs)
    if last_text ~= text or last_needs ~= needs then
        last_text, last_needs, last_found = text, needs, matches(needs, text)
    end
    return last_found
end

local function apply(rule, text, context, finding)
    if finding.seen[rule.id] or (rule.only and rule.only ~= context.where) or excluded(context.exclude, rule) then return end
    if rule.needed and not has(text, rule.needed) then return end
    local from, to, why = find(rule.expression, text)
    if not from and not why then return end
    finding.seen[rule.id] = true
    -- An expression that gives up has met a text made to exhaust it.
    local score = why and THRESHOLD or (rule.prose < rule.score and forms.is_sentence(text, context.prose) and rule.prose or rule.score)
    if score == 0 then return end
    finding.score = finding.score + score
    finding.rules[#finding.rules + 1] = {id = rule.id, class = rule.class, score = score, fragment = from and text:sub(from, to) or why}
end

local function apply_class(class, text, context, finding)
    if class.only and class.only ~= context.where then return end
    local tried
    for index, name in ipairs(class.forms) do
        local form = name == "text" and text or FORMS[name](text)
        if index == 1 or form ~= text and form ~= tried then
            tried = form
            if matches(class.opens, form) then
                for _, rule in ipairs(class.rules) do
                    apply(rule, form, context, finding)
                    if finding.score >= THRESHOLD then return end
                end
            end
        end
    end
end

local function apply_all(text, context, finding)
    if context.where ~= "agent" and plain.words(text) then return end
    for _, class in ipairs(CLASSES) do
        apply_class(class, text, context, finding)
        if finding.score >= THRESHOLD then return end
    end
end

local function look(text, context, finding, depth)
    text = forms.short(text)
    apply_all(text, context, finding)
    if finding.score >= THRESHOLD then return end
    local decoded, changed = decode.fully(text)
    if changed then apply_all(decoded, context, finding) end
    if finding.score >= THRESHOLD or depth == 0 then return end
    local inner = forms.base64(changed and decoded or text)
    if inner then look(inner, context, finding, depth - 1) end
end

-- Judges one text. `context` holds `where` (path, query, header, agent, cookie, form, json, multipart, body), `prose` (true for
-- a field in which people write sentences) and `exclude` (a set of rule ids and classes). Returns nil when no rule matched.
function _M.judge(text, context)
    if #text < 3 or context.where ~= "agent" and plain.text(text) then return nil end
    local finding = new_finding()
    local done, why = pcall(look, text, context, finding, 2)
    if not done then
        finding.score = THRESHOLD
        finding.rules = {{id = "evasion.exhausting", class = "evasion", score = THRESHOLD, fragment = tostring(why)}}
    end
    if finding.score > 0 then return finding end
end

return _M
