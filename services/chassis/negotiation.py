"""The form of an answer: JSON, or MessagePack for a client that likes it better (RFC 9110, 12.5.1)."""

from __future__ import annotations

import functools
import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

JSON, MSGPACK = "application/json", "application/msgpack"
LONG = 200  # characters; what is longer is read each time, or a client could fill the memory with its headers

# What nearly every client sends. A comparison, and nothing to read.
_PLAIN = (None, "*/*", JSON)
# A range, its parameters and its weight; of other parameters than the weight our two forms have none.
_RANGE = re.compile(r"\s*([^\s;]+)\s*(?:;.*)?")
_WEIGHT = re.compile(r";\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)")


def chosen(accept: str | None) -> str:
    """Return the media type for who sent this Accept header: JSON where both are as welcome, and where neither is."""
    if accept in _PLAIN:
        return JSON
    assert accept is not None  # noqa: S101 - that is one of the plain ones
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
    """Return in MessagePack what `value` is in JSON: the same members and texts, moments of time as texts too."""
    if isinstance(value, msgspec.Raw):  # JSON that was made before
        value = msgspec.json.decode(value)
    return msgspec.msgpack.encode(msgspec.to_builtins(value, str_keys=True))


def read(body: bytes, media: str, kind: type[T]) -> T:
    """Return the body as `kind`; JSON unless its media type says MessagePack. Raises msgspec.DecodeError."""
    if media.partition(";")[0].strip().lower() == MSGPACK:
        return msgspec.msgpack.decode(body, type=kind)
    return msgspec.json.decode(body, type=kind)
