"""Request ids and W3C trace context: taken from a caller when well formed, made otherwise."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from chassis import logs

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def enter(headers: Mapping[str, str]) -> None:
    """Make the ids of an incoming request (or task) those of the current context."""
    made = secrets.token_hex(40)  # at once: each call asks the kernel
    given = headers.get("X-Request-ID", "")
    logs.request_id.set(given if _REQUEST_ID.fullmatch(given) else made[:32])
    parent = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    trace, flags = parent.groups() if parent else (made[32:64], "01")
    logs.traceparent.set(f"00-{trace}-{made[64:]}-{flags}")


def headers() -> dict[str, str]:
    """Return the headers that hand the current context on to whom we call; empty outside a request."""
    pairs = {"X-Request-ID": logs.request_id.get(), "traceparent": logs.traceparent.get()}
    return {name: value for name, value in pairs.items() if value}
