"""Keyset pages: an opaque cursor names the last row shown, so pages stay right while rows come and go."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from chassis.problems import ProblemError

DEFAULT = 20  # items on a page
MOST = 100

Row = TypeVar("Row")
Item = TypeVar("Item")

Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST, description="Items on a page.")]
# Exactly what `encode` writes: eight bytes, the first bit 0, in base64url.
CURSOR = "^[A-Za-f][A-Za-z0-9_-]{9}[AEIMQUYcgkosw048]$"
Cursor = Annotated[
    str,
    msgspec.Meta(min_length=11, max_length=11, pattern=CURSOR, description="`next` of the page before."),
]


class PageQuery(msgspec.Struct, frozen=True):
    """The parameters of every list; a list with more of them inherits these."""

    limit: Limit = DEFAULT
    cursor: Cursor | None = None


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page; `next` is the cursor of the page that follows, None on the last."""

    items: list[Item]
    next: str | None


def page(
    rows: Sequence[Row], limit: int, *, shown: Callable[[Row], Any], key: Callable[[Row], int]
) -> Page[Any]:
    """Make the page from `rows`, of which the caller read up to `limit + 1` to learn whether more follow."""
    items = rows[:limit]
    following = encode(key(items[-1])) if len(rows) > limit else None
    return Page([shown(row) for row in items], following)


def encode(key: int) -> str:
    """Return the cursor of the row with this key (0 <= key < 2**63)."""
    return base64.urlsafe_b64encode(key.to_bytes(8, "big")).rstrip(b"=").decode()


def decode(cursor: str) -> int:
    """Return the key that a cursor names; ends the request with 400 when it is none of ours."""
    try:
        key = int.from_bytes(base64.urlsafe_b64decode(cursor + "="), "big")
    except (ValueError, binascii.Error):
        key = -1
    # Decoders forgive much; only what `encode` writes is a cursor.
    if not 0 <= key < 2**63 or encode(key) != cursor:
        raise ProblemError(400, detail="the parameter 'cursor' should be `next` from an earlier page")
    return key
