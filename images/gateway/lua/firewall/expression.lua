-- Reads a text as the inside of a quoted string of SQL: does it close the string, go on as an expression that SQL can parse, and
-- leave the quote that follows it balanced? Words in a sentence do not: after a quote they lack an operator, or follow each other.
local _M = {}

local find, match, sub = string.find, string.match, string.sub
local re_find = ngx.re.find

local LOGIC = {["and"] = true, ["or"] = true, xor = true}
local OPERATOR = {
    like = true, rlike = true, regexp = true, glob = true, between = true, ["in"] = true, is = true, ["not"] = true, div = true, mod = true,
    collate = true, similar = true, escape = true, sounds = true, ilike = true, any = true, all = true, exists = true,
}
-- After these anything may follow.
local CLAUSE = {
    union = true, select = true, from = true, where = true, having = true, order = true, group = true, by = true, limit = true, into = true,
    values = true, case = true, when = true, ["then"] = true, ["else"] = true, ["end"] = true, distinct = true, as = true, on = true,
    join = true, offset = true, asc = true, desc = true, procedure = true, interval = true, top = true, binary = true,
}
local STATEMENT = {insert = true, update = true, delete = true, drop = true, exec = true, execute = true, declare = true, waitfor = true, shutdown = true, set = true}
local MAX_TOKENS = 60

local function word_kind(word)
    word = word:lower()
    if LOGIC[word] then return "&" end
    if OPERATOR[word] then return "o" end
    if CLAUSE[word] or STATEMENT[word] then return "k" end
    return "w"
end

-- Returns the kind of the token at `at` and where the next one begins; nil where SQL knows no token. Kinds: n number, w word, s string,
-- S string that stays open, & logic, o operator, k clause, c comment, and ( ) , ; themselves.
local function token(text, at, quote)
    local to = match(text, "^0[xX]%x+()", at) or match(text, "^%d+%.?%d*[eE]?%d*()", at) or match(text, "^%.%d+()", at)
    if to then return "n", to end
    local word, after = match(text, "^([@%a_][%w_$@.]*)()", at)
    if word then return word_kind(word), after end
    local char = sub(text, at, at)
    if find(text, "^%-%-", at) or char == "#" or find(text, "^/%*", at) then return "c", #text + 1 end
    if char == "'" or char == '"' then
        local stop = find(text, char, at + 1, true)
        if stop then return "s", stop + 1, sub(text, at + 1, stop - 1) end
        if char == quote then return "S", #text + 1, sub(text, at + 1) end
        return nil
    end
    if char == "`" or char == "[" then
        local stop = match(text, "^`[^`]+`()", at) or match(text, "^%[[^%]]+%]()", at)
        if stop then return "w", stop end
        return nil
    end
    local pair = match(text, "^||()", at) or match(text, "^&&()", at)
    if pair then return "&", pair end
    if find(char, "[=<>!+*/%%^|&~:-]") then return "o", at + 1 end
    if find(char, "[(),;]") then return char, at + 1 end
end

local OPERAND = {n = true, w = true, s = true, S = true}

-- A string of several words is not what an attacker compares with: it is what stands between two apostrophes of a sentence.
local function is_sentence(content)
    return content and (find(content, "%S%s+%S+%s+%S") or find(content, "%a%s+%a") and not find(content, "[=<>%%]"))
end

local function tokens(text, at, quote)
    local kinds = quote and "s" or "n"
    local previous = kinds
    while #kinds < MAX_TOKENS do
        at = match(text, "^%s*()", at)
        if at > #text then return kinds end
        local kind, after, content = token(text, at, quote)
        if not kind or is_sentence(content) then return nil end
        if OPERAND[kind] and OPERAND[previous] and not find(kinds, "k", 1, true) then return nil end
        if kind == "(" and OPERAND[previous] and previous ~= "w" then return nil end
        kinds, previous, at = kinds .. kind, kind, after
    end
    return kinds
end

-- A number, a condition, and a comparison of strings: nothing that people count.
local AFTER_NUMBER = [==[^\s*-?\d+[\s)]*(?=(?:and|x?or|\|\||&&)[\s('"])]==]

local function after_number(text)
    local _, to = re_find(text, AFTER_NUMBER, "joi")
    local kinds = to and find(text, "['\"]", to) and tokens(text, to + 1)
    return kinds and find(kinds, "^n&.*s.*o.*[swn]") and kinds or ""
end

local LIKELY = [==[['"][\s)]*(?:[=<>|&+*/%^~!;-]|(?:and|x?or|union|r?like|having|order|group|where|between|in|is|regexp|div|mod|collate|procedure|into|limit)\b)]==]

-- Returns the kinds of the tokens of a text that closes the string it stands in, goes on as an expression and ends open, in a comment
-- or with a statement; "" for every other text.
function _M.kinds(text)
    if #text > 1000 then return "" end
    if find(text, "^%s*-?%d") and find(text, "['\"]") then
        local kinds = after_number(text)
        if kinds ~= "" then return kinds end
    end
    if not re_find(text, LIKELY, "joi") then return "" end
    local at = find(text, "['\"]")
    local before = sub(text, 1, at - 1)
    -- A quote after an opening bracket or an equals sign begins a string, of a program or of markup; it closes none.
    if #before > 60 or find(before, "[(%[{=,:]%s*$") or find(before, "%S%s+%S+%s") then return "" end
    local quote = sub(text, at, at)
    local kinds = tokens(text, at + 1, quote)
    if not kinds or not find(kinds, "^s%)*[&ok;]") then return "" end
    return find(kinds, "[Sc;]$") and kinds or ""
end

return _M
