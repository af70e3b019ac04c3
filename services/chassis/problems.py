"""Errors as RFC 9457 problem details: what a handler raises and the JSON that a client gets."""

from __future__ import annotations

import http
from typing import Any

import msgspec

CONTENT_TYPE = "application/problem+json"


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong in a request, and a JSON pointer to it."""

    detail: str
    pointer: str


class Problem(msgspec.Struct, frozen=True):
    """A problem object as documents describe it; problems may have further members."""

    title: str
    status: int
    detail: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[Fault] | msgspec.UnsetType = msgspec.UNSET
    request_id: str | msgspec.UnsetType = msgspec.UNSET


class Unavailable(Exception):
    """Something outside that a request needs cannot be had at present: 503, and the message goes to the log alone."""


class ProblemError(Exception):
    """Ends a request with a problem; `extra` becomes further members of the problem object."""

    def __init__(
        self,
        status: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or title or phrase(status))
        self.status = status
        self.title = title or phrase(status)
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra


def phrase(status: int) -> str:
    """Return the standard reason phrase of a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem(status: int, title: str | None = None, detail: str | None = None, **extra: Any) -> dict[str, Any]:
    """Return the members of a problem object; `type` is left out, which RFC 9457 reads as about:blank."""
    members: dict[str, Any] = {"title": title or phrase(status), "status": status}
    if detail:
        members["detail"] = detail
    return {**members, **extra}


def encode(members: dict[str, Any]) -> bytes:
    """Return a problem object as JSON."""
    return msgspec.json.encode(members)
