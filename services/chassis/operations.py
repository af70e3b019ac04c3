"""What a handler's method says of itself, for the service's OpenAPI document: a decorator, and nothing at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chassis.negotiation import JSON

M = TypeVar("M", bound=Callable[..., Any])

ETAG = {"ETag": "Its version."}
LOCATION = {"Location": "Its path."}


@dataclass(frozen=True)
class Reply:
    """One answer: what it means, the type of its body (None for no body), and headers with their meaning."""

    text: str
    kind: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of the document; what follows from routes, scopes and types is not repeated here.

    `firewall` is `x-firewall`, the gateway's exclusions; images/gateway/README.md says what may stand in it.
    """

    id: str
    summary: str
    description: str = ""
    query: type | None = None
    body: Any = None
    media: str = JSON
    headers: tuple[str, ...] = ()
    replies: Mapping[int, Reply]
    problems: Mapping[int, str] = field(default_factory=dict)
    security: tuple[Mapping[str, list[str]], ...] | None = None
    firewall: Mapping[str, Any] | None = None


def operation(**members: Any) -> Callable[[M], M]:
    """Describe a handler's method; `members` are those of Operation."""

    def decorate(method: M) -> M:
        method.operation = Operation(**members)  # type: ignore[attr-defined]
        return method

    return decorate
