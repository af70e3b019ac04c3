"""Lists cut to the lengths that AWS's operations accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, at most `size` at a time; nothing for no items."""
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch
