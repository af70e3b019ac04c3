local decode = require "firewall.decode"
local expect = require "expect"

local tests = {}

function tests.percent_and_unicode_escapes_of_urls_are_undone_once()
    expect(decode.url("%3Cb%3e%u0041%2541%zz%"), "<b>A%41%zz%")
end

function tests.a_plus_is_a_blank_in_forms_alone()
    expect({decode.form("a+b%2B"), decode.url("a+b")}, {"a b+", "a+b"})
end

function tests.entities_are_undone_by_name_and_number_with_and_without_semicolon()
    expect(decode.html("&lt;&#60;&#x3C;&#0000060b &lpar;&colon;&Tab;&lt b &unknown; AT&T"), "<<<<b (:\t< b &unknown; AT&T")
end

function tests.escapes_of_javascript_are_undone_and_windows_paths_stay()
    expect(decode.escapes([[\u003c\x3c\u{3c}\074 C:\new\users]]), "<<<< C:\\new\\users")
end

function tests.overlong_utf8_is_the_ascii_it_stands_for()
    expect(decode.unicode("\192\174\192\175\224\128\175"), "./" .. "/")
end

function tests.lookalikes_become_ascii_and_other_letters_stay()
    expect(decode.unicode("＜ｓ＞ Ⓖé日本語ß"), "<s> gé日本語ß")
end

function tests.what_normalisation_turns_into_ascii_is_ascii()
    expect(decode.unicode("﹤𝓼𝗰𝚛𝒊𝕡𝖙﹥ ‥∕① ﹨"), "<script> ../1 \\")
end

function tests.escaped_quotes_are_quotes()
    expect(decode.escapes([[\" or \'a\/]]), [[" or 'a/]])
end

function tests.letters_whose_low_byte_is_a_line_end_are_line_ends()
    expect(decode.unicode("x嘍嘊y"), "x\r\ny")
end

function tests.encodings_in_one_another_are_all_undone()
    local text, changed = decode.fully("%2526lt%253Bb%26gt;")
    expect({text, changed}, {"<b>", true})
end

function tests.plain_text_is_left_alone()
    local text, changed = decode.fully("Amélie, 100 years old")
    expect({text, changed}, {"Amélie, 100 years old", false})
end

function tests.no_nesting_is_followed_forever()
    local text = "<"
    for _ = 1, 8 do text = text:gsub("[%%<]", {["%"] = "%25", ["<"] = "%3C"}) end
    expect(decode.fully(text):sub(1, 1), "%")
end

function tests.utf7_is_undone()
    expect(decode.utf7("+ADw-b+AD4-"), "<b>")
end

return tests
