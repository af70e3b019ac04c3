"""What cannot be read becomes Unknown with the reason; only our own mistakes go on as exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from infra.checks.model import Unknown
from infra.errors import EstaleiroError

T = TypeVar("T")


def known(read: Callable[[], T]) -> T | Unknown:
    """Return what `read` returns, or why it could not be had."""
    try:
        return read()
    except EstaleiroError as error:
        return Unknown(str(error))
