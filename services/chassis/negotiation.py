"""The form of an answer: JSON, or MessagePack for a client that likes it better (RFC 9110, 12.5.1)."""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

JSON, MSGPACK = "application/json", "application/msgpack"
LONG = 200  # characters; what is longer is read each time, or a client could fill the memory with its headers

# What nearly every client sends. A comparison, and nothing to read.
_PLAIN = ("*/*", JSON)
# A range, its parameters and its weight; of other parameters than the weight our two forms have none.
_RANGE = re.compile(r"\s*([^\s;]+)\s*(?:;.*)?")
_WEIGHT = re.compile(r";\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)")


def chosen(accept: str | None) -> str:
    """Return the media type for who sent this Accept header: JSON where both are as welcome, and where neither is."""
    if accept is None or accept in _PLAIN:
        return JSON
    return _preferred(accept) if len(accept) <= LONG else _preferred.__wrapped__(accept)


@functools.lru_cache(maxsize=256)
def _preferred(accept: str) -> str:
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        found = _RANGE.fullmatch(part)
        weight = _WEIGHT.search(part)
        if found and (weight or not re.search(r";\s*q=", part)):
            weights[found[1]] = float(weight[1]) if weight else 1.0

    def welcome(kind: str) -> float:
        """By the most particular range that matches."""
        return weights.get(kind, weights.get("application/*", weights.get("*/*", 0.0)))

    return MSGPACK if welcome(MSGPACK) > welcome(JSON) else JSON


def packed(value: Any) -> bytes:
    """Return in MessagePack exactly what `value` is in JSON; moments of time are texts in both."""
    return msgspec.msgpack.encode(msgspec.json.decode(msgspec.json.encode(value)))
