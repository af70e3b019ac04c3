"""The request headers that the chassis understands, as OpenAPI parameters."""

from __future__ import annotations

from typing import Any

HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "If-Match": ("Only when it still has this ETag.", {"type": "string"}),
    "If-None-Match": ("Nothing new to send when it has this ETag.", {"type": "string"}),
    "Idempotency-Key": (
        "Sent again with the same key and body, the request is answered as the first time and done once.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    ),
}


def parameter(name: str) -> dict[str, Any]:
    """Return a header's parameter."""
    text, schema = HEADERS[name]
    return {"name": name, "in": "header", "description": text, "schema": schema}
