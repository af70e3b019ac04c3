"""The lists of `detection`, in every place of a request and every way of writing them: what is blocked and what passes."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.detection.cases import LISTS, Case, made, read
from tests.gateway.detection.measure import Measured, Sent, answered, as_json, attacks, ordinary, table
from tests.gateway.detection.places import ENCODINGS, PLACES

# What stands alone like an attack, and is none: conditions, a whole statement that writes, commands that fetch or run code.
DOUBTFUL = {
    "5 and 7 = 12",
    "0 or 1 = 1",
    "5 > 3 and \"a\" < \"b\" or 'c' > 'd'",
    "update movies set title = 'x' where id = 1",
    "On her monitor there's `DELETE FROM logs WHERE user = 'me'`: subtle, very subtle.",
    "curl https://example.com/install.sh",
    'python -c "print(1)"',
    "HTTP/1.1 200 OK\nContent-Type: text/plain\n\nhello",
}


# Where encodings are tried, for the time it takes; everywhere else in a test that takes longer.
ENCODED_IN = ("query", "json prose")


@pytest.fixture(scope="module")
def every_attack() -> list[Sent]:
    return attacks([case for name in LISTS for case in read(f"attacks_{name}")])


@pytest.fixture(scope="module")
def found(generous: Gateway, every_attack: list[Sent]) -> list[Sent]:
    return answered(
        generous.port, [one for one in every_attack if one.encoding == "plain" or one.place in ENCODED_IN]
    )


def share(sent: list[Sent]) -> float:
    return sum(one.blocked for one in sent) / len(sent)


@pytest.mark.parametrize("place", PLACES)
def test_of_all_attacks_nearly_all_are_blocked_in_every_place(found: list[Sent], place: str) -> None:
    here = [one for one in found if one.place == place and one.encoding == "plain"]

    missed = [one.text for one in here if not one.blocked]
    assert share(here) >= 0.99, "\n".join(missed)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_of_all_attacks_nearly_all_are_blocked_however_they_are_written(
    found: list[Sent], encoding: str
) -> None:
    so = [one for one in found if one.encoding == encoding]

    missed = {one.case.text for one in so if not one.blocked}
    assert share(so) >= 0.98, "\n".join(missed)


@pytest.mark.long
def test_of_all_attacks_nearly_all_are_blocked_in_every_place_however_they_are_written(
    generous: Gateway, every_attack: list[Sent]
) -> None:
    found = answered(generous.port, [one for one in every_attack if one.encoding != "plain"])

    for encoding in set(ENCODINGS) - {"plain"}:
        for place in PLACES:
            here = [one for one in found if (one.encoding, one.place) == (encoding, place)]
            missed = [one.text for one in here if not one.blocked]
            assert not here or share(here) >= 0.98, (encoding, place, missed)


def test_no_class_of_attacks_is_left_out(found: list[Sent]) -> None:
    counts = Counter(one.case.kind for one in found if one.encoding == "plain" and one.blocked)

    assert len(counts) >= 20
    for kind in counts:
        assert share([one for one in found if one.case.kind == kind]) >= 0.97, kind


def test_ordinary_values_pass_in_every_place_where_people_put_them(generous: Gateway) -> None:
    cases = [case for name in LISTS for case in read(f"ordinary_{name}") if case.kind != "talk"]

    sent = answered(generous.port, ordinary([*cases, *made(700)]))

    # A path that is nothing but a hidden file's name is refused, whoever asks for it.
    blocked = {one.case.text for one in sent if one.blocked and one.place != "path"}
    assert blocked <= DOUBTFUL
    assert {one.status for one in sent} <= {200, 400, 403, 404, 415}


def test_ordinary_paths_pass_but_for_hidden_files(generous: Gateway) -> None:
    cases = [case for name in LISTS for case in read(f"ordinary_{name}") if case.kind != "talk"]

    sent = answered(generous.port, [one for one in ordinary(cases) if one.place == "path"])

    assert {one.case.text for one in sent if one.blocked} <= {".htaccess"}


def test_a_review_that_tells_of_an_attack_among_sentences_may_pass_and_markup_that_runs_may_not(
    generous: Gateway,
) -> None:
    told = [
        Case(
            "talk",
            "As a DBA I laughed at \"DROP TABLE users;\" on the hacker's screen. Real hackers don't do that!",
        )
    ]
    script = [
        Case("talk", "In the film the hero writes <script>alert('you are hacked')</script> on the site.")
    ]

    passed, refused = (answered(generous.port, ordinary(cases)) for cases in (told, script))

    assert [one.status for one in passed] == [200]
    assert [one.status for one in refused] == [403]


def test_lists_are_split_in_halves_that_stay() -> None:
    halves = Counter(case.half for case in read("attacks_first"))

    assert min(halves.values()) > 300
    assert Case("sql", "1 or 1").half == Case("other", "1 or 1").half


def test_a_table_tells_the_share_of_each_kind_in_each_place() -> None:
    sent = [
        Sent(Case("sql", text), "query", "plain", text, status) for text, status in (("a", 403), ("b", 200))
    ]

    assert table(sent, "kind").splitlines()[2:] == ["| sql | 50.0 | 50.0 |", "| all | 50.0 | 50.0 |"]
    assert '"status": 403' in as_json(Measured(attacks=sent))
