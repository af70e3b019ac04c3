"""How long the caller of the current request still waits: taken from a header, handed on to whom we call.

Remaining milliseconds rather than a time of day, because clocks differ from host to host.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Mapping

HEADER = "X-Request-Deadline-Ms"
MOST = 30.0  # seconds; who says nothing, or more, gets this

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)


def enter(headers: Mapping[str, str]) -> None:
    """Make the deadline of an incoming request that of the current context."""
    seconds = MOST
    if HEADER in headers:
        given = headers[HEADER]
        if given.isascii() and given.isdigit() and len(given) < 8:
            seconds = min(int(given) / 1000, MOST)
    _ends_at.set(time.monotonic() + seconds)


def remaining(otherwise: float) -> float:
    """Return the seconds left, at most `otherwise`; outside a request there is no deadline."""
    ends_at = _ends_at.get()
    return otherwise if ends_at is None else min(otherwise, ends_at - time.monotonic())


def header(seconds: float) -> dict[str, str]:
    """Return the header that tells a callee how long we wait for it."""
    return {HEADER: str(max(1, int(1000 * seconds)))}
