"""How the tests are shared among workers: what shares a local cloud or a database stays together, the longest first."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Folders whose tests share something that is dear to make; in the order in which they should begin.
TOGETHER = ("system", "failures", "local", "teardown", "gateway", "images", "hosts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests of a folder for one worker, and let the long folders begin."""
    for item in items:
        if _folder(item) in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(_folder(item)))
    items.sort(key=_turn)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _turn(item: pytest.Item) -> int:
    folder = _folder(item)
    return TOGETHER.index(folder) if folder in TOGETHER else len(TOGETHER)
