"""Cursors and pages, with whatever numbers and texts come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import pages
from chassis.problems import ProblemError

KEYS = st.integers(0, 2**63 - 1)


def walk(keys: list[int], limit: int) -> list[list[int]]:
    """Read every page as a client does, from a table with these keys."""
    read, after = [], -1
    while True:
        rows = [key for key in keys if key > after][: limit + 1]
        page = pages.page(rows, limit, shown=lambda key: key, key=lambda key: key)
        read.append(page.items)
        if page.next is None:
            return read
        after = pages.decode(page.next)


@given(st.sets(KEYS, max_size=60), st.integers(1, 25))
def test_pages_together_are_the_table(keys, limit):
    table = sorted(keys)

    read = walk(table, limit)

    assert [key for page in read for key in page] == table
    assert all(len(page) == limit for page in read[:-1])


@given(KEYS)
def test_a_cursor_leads_back_to_its_key(key):
    assert pages.decode(pages.encode(key)) == key


@given(st.text(max_size=20))
def test_any_other_text_is_refused(cursor):
    try:
        key = pages.decode(cursor)
    except ProblemError as error:
        assert error.status == 400
    else:
        assert pages.encode(key) == cursor


@pytest.mark.parametrize(
    "cursor", ["", "A", "AAAAAAAAAAA=", "AAAAAAAAAAB", "__________8", "AAAAAAAAAA\n", "é"]
)
def test_a_cursor_almost_right_is_refused(cursor):
    with pytest.raises(ProblemError):
        pages.decode(cursor)
