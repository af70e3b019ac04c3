"""Logs as JSON lines on stdout, with the request's ids from context variables and without secrets."""

from __future__ import annotations

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
task_name: contextvars.ContextVar[str | None] = contextvars.ContextVar("task_name", default=None)
traceparent: contextvars.ContextVar[str | None] = contextvars.ContextVar("traceparent", default=None)

_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "***"),
    (re.compile(r"(?i)((?:password|client_secret|secret)[\"']?\s*[=:]\s*[\"']?)[^\s\"',&}]+"), r"\1***"),
    (re.compile(r"(?i)(postgresql(?:\+\w+)?://[^:/@\s]+:)[^@\s]+@"), r"\1***@"),
)
# Nearly no line holds what these take out, and looking for a word is far cheaper than looking for a pattern.
_SUSPECT = ("bearer", "basic", "eyj", "password", "secret", "postgresql")
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)  # made once: `json.dumps` would make one a line
# A pipe keeps apart what several processes write to it, a worker and its children, as long as each writes at most
# PIPE_BUF bytes at once (POSIX, write(2)): 4096 on Linux, one of them for the line's end.
LONGEST = 4095
_ROOM = (3000, 2000, 1000, 500, 250, 120, 60)  # bytes that one member may have, tried in turn
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "emf"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object; what `extra=` adds become members of it."""

    def __init__(self, constant: dict[str, str] | None = None, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._constant = constant or {}
        self._secrets = sorted((text for text in secrets if len(text) >= 4), key=len, reverse=True)
        self._in_json = [json.dumps(text, ensure_ascii=False)[1:-1] for text in self._secrets]

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._constant,
        }
        if request_id.get():
            members["request_id"] = request_id.get()
        if task_name.get():
            members["task"] = task_name.get()
        if traceparent.get():
            members["trace_id"] = str(traceparent.get()).split("-")[1]
        members.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        members.update(
            getattr(record, "emf", {})
        )  # metrics; their dimensions may be called as a record's own parts
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        text = _ENCODER.encode(members)
        folded = text.casefold()
        if not any(word in folded for word in _SUSPECT) and not any(
            secret in text for secret in self._in_json
        ):
            return text if _fits(text) else _cut(members)
        clean = {name: self._redact(value) for name, value in members.items()}
        text = _ENCODER.encode(clean)
        return text if _fits(text) else _cut(clean)

    def _redact(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): self._redact(member) for name, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._redact(member) for member in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        value = str(value)
        for secret in self._secrets:
            value = value.replace(secret, "***")
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
        return value


def _fits(text: str) -> bool:
    """Say whether a line has at most LONGEST bytes; few have so many characters that they need to be counted."""
    return len(text) <= LONGEST // 4 or _bytes(text) <= LONGEST


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _cut(members: dict[str, Any]) -> str:
    """Return a line that fits, with the members that are too long cut in the middle and named, with their lengths."""
    line = members
    for room in _ROOM:
        shown = {name: _within(value, room) for name, value in members.items()}
        cut = {name: len(text) for name, (text, short) in shown.items() if text is not short}
        line = {name: short for name, (_, short) in shown.items()}
        text = _ENCODER.encode({**line, "cut": cut})
        if _fits(text):
            return text
    kept = {name: line[name] for name in ("time", "level", "logger", "message")}
    return _ENCODER.encode({**kept, "cut": {"members": len(members)}})


def _within(value: Any, room: int) -> tuple[Any, Any]:
    """Return the value, a long one as text, and what of it has at most about `room` bytes in a line."""
    encoded = value if isinstance(value, str) else _ENCODER.encode(value)
    size = _bytes(_ENCODER.encode(encoded))
    if size <= room:
        return value, value
    half = max(1, len(encoded) * room // size // 2)
    return encoded, f"{encoded[:half]}…{encoded[-half:]}"


def configure(
    constant: dict[str, str] | None = None,
    *,
    level: str = "INFO",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every logger's records to stdout as JSON lines; call once, from `main()`."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter(constant, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Tornado's own access lines would double ours; the AWS and pool chatter hides what matters.
    for noisy in ("tornado.access", "aiobotocore", "botocore", "urllib3", "kombu", "amqp", "sqlalchemy.pool"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
