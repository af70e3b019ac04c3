-- Other ways in which an interpreter may read a text: without comments, without shell quoting, without padding, out of Base64.
local _M = {}

local find, gsub, match = string.find, string.gsub, string.match
local decode_base64 = ngx.decode_base64
local re_find = ngx.re.find

-- Substitutes, or raises when the expression gives up: what cannot be read is not harmless.
local function re_gsub(text, pattern, replacement, options)
    local result, _, why = ngx.re.gsub(text, pattern, replacement, options)
    return result or error(why, 0)
end

local function ends_of(run)
    if #run > 192 then return run:sub(1, 64) .. run:sub(-64) end
end

-- Shortens runs that only make a text long: no rule looks at the middle of one. A text of 128 kB costs as little as a short one.
function _M.short(text)
    if #text < 512 then return text end
    if re_find(text, [[[\w=.-]{193}]], "jo") then text = gsub(text, "[%w_=.-]+", ends_of) end
    return (re_gsub(text, [[([\s+*#-])\1{31,}+]], "$1", "jo"))
end

-- Returns the text as SQL and JavaScript read it: no comments, one blank for any blanks. What MySQL executes in /*! */ stays.
function _M.uncommented(text)
    if not find(text, "[%c*]") and not find(text, "  ", 1, true) then return text end
    text = re_gsub(text, [[/\*!(?:\d{5,6})?(.{0,2000}?)\*/]], " $1 ", "jos")
    text = re_gsub(text, [[(?<=\w)/\*.{0,2000}?\*/(?=\w)]], "", "jos")
    text = re_gsub(text, [[/\*.{0,2000}?\*/]], " ", "jos")
    return (gsub(gsub(text, "%z", ""), "%s+", " "))
end

-- Returns the text with comments as blanks everywhere: `a/**/b` is two words here and one in `uncommented`.
function _M.split(text)
    if not find(text, "/*", 1, true) then return text end
    text = re_gsub(text, [[/\*!(?:\d{5,6})?]], " ", "jo")
    text = re_gsub(text, [[/\*.{0,2000}?\*/|\*/]], " ", "jos")
    return (gsub(text, "%s+", " "))
end

-- A word with quotes, escapes or an expansion in it, where a command or a file may stand.
local QUOTED_WORD = [==[(?:[;|&`({<>\n/]\s*|^\s*|\s[-/])[\w./?*-]*(?:['"]\w*['"]|[\\^]\w|\$[@*!{I(])|/\w*['"]+\w|\$\{?IFS]==]

-- Returns the text as a shell reads it: quotes, carets, backslashes before letters and empty expansions are gone.
function _M.unquoted(text)
    if not find(text, "['\"\\^$]") or not re_find(text, QUOTED_WORD, "joi") then return text end
    text = re_gsub(text, [[\$\{?IFS\}?(?:\$\d)?|\$\{IFS%[^}]{0,10}\}]], " ", "jo")
    text = re_gsub(text, [[\$[@*!]|\$\{[@*]?\}|\$\(\s*\)|(?<!`)``(?!`)|(?<=\w)\$\d(?=\w)|''|""]], "", "jo")
    text = re_gsub(text, [[(?<=[\w/?*])['"\\^]+(?=[\w/?*-])]], "", "jo")
    return (re_gsub(text, [[([;|&`(]\s*|^\s*)['"\\^]([a-z/]+)['"]?]], "$1$2", "joi"))
end

-- Returns the text without tags that break up words, as some sanitisers leave it; the text itself when there are none.
function _M.untagged(text)
    if not re_find(text, [[\w<[^<>]{0,40}>\w]], "jo") then return text end
    return (gsub(text, "<[^<>]*>", ""))
end

-- Words that follow one another as in a sentence; words that begin a statement of SQL do not count.
local WORD = [==[(?:(?<![^\s("'*_>\x80-\xbf])(?!(?:select|union|insert|update|delete|drop|exec(?:ute)?|null|like|having|waitfor|into|values|table|limit|create|alter|grant|truncate|declare|shutdown)\b)]==]
    .. [==[["'(*_.@#]?[a-z\x80-\xff]{1,30}(?:['-][a-z\x80-\xff]{1,12})*[,;:.!?)"'*_…]{0,4}\s+)]==]
local FIVE_WORDS, FOUR_WORDS = WORD .. "{5}", WORD .. "{4}"
-- Chinese, Japanese, Korean and Thai put no blanks between words.
local UNSPACED = [==[(?:[\xe3-\xed][\x80-\xbf]{2}){6}|(?:\xe0[\xb8\xb9][\x80-\xbf]){8}]==]

-- No sentence begins with what closes a value and goes on with a statement or condition.
local BREAKOUT = [==[\A\s*[\w.-]{0,20}['"`][\s)]*(?:;|\|\||&&|--|#|\b(?:or|and|union)\b)]==]

-- Returns whether a text has a stretch of sentence in it, in any language: four words are enough in a field made for sentences.
function _M.is_sentence(text, prose)
    if re_find(text, BREAKOUT, "joi") then return false end
    return re_find(text, prose and FOUR_WORDS or FIVE_WORDS, "joi") ~= nil or re_find(text, UNSPACED, "jo") ~= nil
end

local function is_text(bytes)
    if #bytes < 4 or find(bytes, "[%z\1-\8\14-\31\127]") then return false end
    return not find(bytes, "[\128-\255]") or re_find(bytes, [[\A(?:[\x09-\x0d\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3})+\z]], "jo") ~= nil
end

-- Returns what a text that may be Base64 (either alphabet, padded or not) decodes to when that is text, else nil.
function _M.base64(text)
    if #text < 8 or not find(text, "^[%w+/_ -]+=*%s*$") then return nil end
    text = gsub(gsub(gsub(match(text, "^[^=]*"), " ", "+"), "-", "+"), "_", "/")
    local rest = #text % 4
    if rest == 1 then return nil end
    local bytes = decode_base64(text .. ("="):rep(-#text % 4))
    if not bytes then return nil end
    local without, zeros = gsub(bytes, "%z", "")
    if zeros <= 2 and is_text(without) then return bytes end
end

return _M
