local expression = require "firewall.expression"
local expect = require "expect"

local tests = {}

function tests.what_closes_a_string_and_leaves_the_next_quote_balanced_is_an_expression()
    expect(expression.kinds("1%'and'%'='"), "s&soS")
    expect(expression.kinds("'-''-'"), "sosoS")
    expect(expression.kinds([[x" or 2>1 -- ]]), "s&nonc")
    expect(expression.kinds("1'and(select'1'from(dual))='1"), "s&(ksk(w))oS")
end

function tests.a_comparison_of_strings_after_a_number_is_one_too()
    expect(expression.kinds("1 and 'a'<'b'"), "n&sos")
end

function tests.apostrophes_of_names_and_sentences_are_none()
    for _, text in ipairs({"O'Brien & O'Hara", "Guns N' Roses", "He said 'or' when he meant 'and' = confusion", "the '80s and '90s", "boys' & girls'",
        "5' - 6'", [[12" & 14"]], [["Or else" -- the villain's only line -- = a meme]], [[@app.route("/")]], [[title = "Alien" and year > 1978; it's]]}) do
        expect(expression.kinds(text), "")
    end
end

function tests.no_more_than_sixty_tokens_are_read()
    assert(#expression.kinds(("'='"):rep(300)) <= 60)
end

return tests
