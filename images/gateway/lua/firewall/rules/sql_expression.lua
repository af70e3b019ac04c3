-- SQL injection known by its syntax: rules here see the kinds of a text's tokens, as firewall.expression reads it.
return {
    class = "sql",
    forms = {"expression"},
    gate = [==[^[sn]]==],
    rules = {
        {id = "sql.expression", score = 5, pattern = [==[^n&|^s\)*(?:[o&]+\(*[nwsS]?.*[Sc;]|k.*[Sc;]|;+k.*[Sc;])$]==], hit = "s&sosoS", miss = "sws"},
    },
}
