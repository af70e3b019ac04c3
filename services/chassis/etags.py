"""Versions of a row as entity tags, and the versions that If-Match accepts (RFC 9110, 13.1.1)."""

from __future__ import annotations

import re


def tag(version: int) -> str:
    """Return the strong tag of a version, in JSON."""
    return f'"v{version}"'


def in_msgpack(tag: str) -> str:
    """Return the tag of the same thing in MessagePack: a strong one names bytes (RFC 9110, 8.8.1)."""
    return f'{tag[:-1]}-msgpack"'


def accepted(if_match: str | None) -> set[int] | None:
    """Return the versions that an If-Match header accepts; None for any.

    RFC 9110 asks for strong tags. A weak one counts too: a proxy that compresses makes our tags weak, and they name
    the stored row, whatever its encoding on the way. So does that of its other form.
    """
    given = "*" if if_match is None else if_match.strip()
    return (
        None
        if given == "*"
        else {int(version) for version in re.findall(r'"v(\d{1,9})(?:-msgpack)?"', given)}
    )
