local forms = require "firewall.forms"
local expect = require "expect"

local tests = {}

function tests.comments_vanish_inside_a_word_and_are_a_blank_elsewhere()
    expect(forms.uncommented("un/**/ion  /* x */ select"), "union select")
    expect(forms.split("union/**/select"), "union select")
end

function tests.what_mysql_executes_in_a_comment_stays()
    expect(forms.uncommented("1 /*!50000union*/ x"), "1 union x")
end

function tests.a_shells_quotes_vanish_and_a_sentences_stay()
    expect(forms.unquoted("; c'a't /et\"c/pas\"swd"), "; cat /etc/passwd")
    expect(forms.unquoted("It's O'Brien's film; I'm \"glad\""), "It's O'Brien's film; I'm \"glad\"")
end

function tests.a_shells_blank_is_a_blank()
    expect(forms.unquoted(";cat${IFS}/etc/passwd$IFS$9x"), ";cat /etc/passwd x")
end

function tests.base64_that_is_text_is_read_in_both_alphabets_with_and_without_padding()
    expect(forms.base64("PGI+aGk/PC9iPg=="), "<b>hi?</b>")
    expect(forms.base64("PGI-aGk_PC9iPg"), "<b>hi?</b>")
    expect(forms.base64("PGI aGk/PC9iPg"), "<b>hi?</b>")
end

function tests.what_decodes_to_no_text_is_no_base64()
    for _, text in ipairs({"JavaScript", "Casablanca", "550e8400-e29b-41d4-a716-446655440000", "short", "a film, that"}) do
        assert(forms.base64(text) == nil, text)
    end
end

function tests.long_runs_are_cut_and_both_their_ends_stay()
    local short = forms.short(("A"):rep(5000) .. "union select" .. ("9"):rep(5000))
    expect(short, ("A"):rep(64) .. ("A"):rep(59) .. "union select" .. ("9"):rep(58) .. ("9"):rep(64))
end

function tests.tags_inside_words_are_taken_out()
    expect(forms.untagged("al<x>ert(1)"), "alert(1)")
    expect(forms.untagged("a < b > c"), "a < b > c")
end

function tests.expansions_to_nothing_vanish_from_a_shells_word()
    expect(forms.unquoted(";wh$()oami"), ";whoami")
    expect(forms.unquoted(";who$@ami"), ";whoami")
end

function tests.words_in_a_row_are_a_sentence_in_any_language()
    for _, text in ipairs({"I loved it so much; ls", "Не пропустите этот замечательный фильм; да", "这部电影真的很好看", "C'est l'un des films d'ici"}) do
        assert(forms.is_sentence(text, true), text)
    end
end

function tests.what_is_injected_is_no_sentence()
    for _, text in ipairs({"1 union all select null from users", "'; drop table users cascade", "; sleep 10", "a; b; c", "'; or so he said to them"}) do
        assert(not forms.is_sentence(text, true), text)
    end
end

return tests
