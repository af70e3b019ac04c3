"""Servers are compared only when they do the same: what `make bench-services` asks before it measures."""

import pytest

from tests.bench_services import disagreement

FILM = {"id": 1, "title": "Metropolis", "year": 1927}


def test_servers_that_say_the_same_agree() -> None:
    assert disagreement("one row", {"chassis": (200, FILM), "flask": (200, dict(FILM))}) is None


def test_new_rows_may_differ_in_their_ids_and_others_may_not() -> None:
    told = {"chassis": (201, FILM), "flask": (201, {**FILM, "id": 2})}

    assert disagreement("write", told) is None
    assert disagreement("one row", told) is not None


@pytest.mark.parametrize("other", [(200, {**FILM, "year": None}), (200, {"id": 1}), (201, FILM)])
def test_another_body_or_status_is_a_disagreement(other: object) -> None:
    assert "flask and chassis answer differently" in str(
        disagreement("one row", {"chassis": (200, FILM), "flask": other})
    )


@pytest.mark.parametrize("status", [304, 404, 500])
def test_an_error_is_no_answer_even_when_all_give_it(status: int) -> None:
    told = {"chassis": (status, "broken"), "flask": (status, "broken")}

    assert disagreement("list", told) == f"chassis answers {status} to the list: broken"
