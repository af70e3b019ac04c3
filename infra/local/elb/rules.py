"""What a listener does with a request: its rules in priority order, matched as an Application Load Balancer matches; pure."""

from __future__ import annotations

import functools
import ipaddress
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

DEFAULT_PRIORITY = 1_000_000


@dataclass(frozen=True)
class Request:
    """The parts of a request that rules look at; header names in lower case, `client` dotted decimal."""

    method: str
    host: str
    path: str
    query: str = ""
    client: str = "127.0.0.1"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Condition:
    """One condition: any of the values may match; `name` is the header's, in lower case, for `http-header`."""

    field: str
    values: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True)
class Forward:
    """Send to one of the target groups (ARNs), by weight."""

    groups: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Fixed:
    status: int
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True)
class Redirect:
    """Parts may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}` of the request."""

    status: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


Action = Forward | Fixed | Redirect


@dataclass(frozen=True)
class Rule:
    priority: int
    conditions: tuple[Condition, ...]
    action: Action

    @property
    def is_default(self) -> bool:
        return self.priority == DEFAULT_PRIORITY


@dataclass(frozen=True)
class Listener:
    """`rules` in priority order, the default last."""

    port: int
    protocol: str
    rules: tuple[Rule, ...]

    @property
    def scheme(self) -> str:
        return "https" if self.protocol == "HTTPS" else "http"


@dataclass(frozen=True)
class Balancer:
    """A load balancer with its listeners, the ones that forward before the ones that only redirect."""

    arn: str
    dns: str
    is_internal: bool
    listeners: tuple[Listener, ...]
    idle_seconds: float = 60.0


def decide(listener: Listener, request: Request) -> Rule | None:
    """Return the first rule that matches, None when a listener has not even a default."""
    return next((rule for rule in listener.rules if matches(rule, request)), None)


def matches(rule: Rule, request: Request) -> bool:
    """Tell whether every condition has a value that matches."""
    return all(_holds(condition, request) for condition in rule.conditions)


def _holds(condition: Condition, request: Request) -> bool:
    values = condition.values
    match condition.field:
        case "host-header":
            return any(pattern(value.lower()).fullmatch(request.host) for value in values)
        case "path-pattern":
            return any(pattern(value).fullmatch(request.path) for value in values)
        case "http-request-method":
            return request.method in values
        case "http-header":
            found = request.headers.get(condition.name)
            return found is not None and any(
                pattern(value.lower()).fullmatch(found.lower()) for value in values
            )
        case "query-string":
            pairs = parse_qsl(request.query, keep_blank_values=True)
            return any(_in_query(value, pairs) for value in values)
        case "source-ip":
            return any(
                ipaddress.ip_address(request.client) in ipaddress.ip_network(value) for value in values
            )
    return False


def _in_query(value: str, pairs: Sequence[tuple[str, str]]) -> bool:
    key, equals, wanted = value.partition("=")
    if not equals:
        return any(pattern(value.lower()).fullmatch(found.lower()) for _, found in pairs)
    return any(
        key.lower() == name.lower() and pattern(wanted.lower()).fullmatch(found.lower())
        for name, found in pairs
    )


@functools.lru_cache(4096)
def pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of a condition's value, where `*` is any text and `?` any character."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def group(action: Forward) -> str | None:
    """Return a target group by weight, None when all weights are 0."""
    if len(action.groups) == 1:
        return action.groups[0][0]
    weights = [weight for _, weight in action.groups]
    if not any(weights):
        return None
    return random.choices([arn for arn, _ in action.groups], weights)[0]  # noqa: S311


def location(redirect: Redirect, request: Request, *, scheme: str, port: int) -> str:
    """Return where a redirect leads; a port that the protocol has anyway is left out."""
    parts = {
        "protocol": scheme.upper(),
        "host": request.host,
        "port": str(port),
        "path": request.path.lstrip("/"),
        "query": request.query,
    }

    def filled(text: str) -> str:
        return re.sub(r"#\{(\w+)\}", lambda found: parts.get(found[1], found[0]), text)

    protocol, where = filled(redirect.protocol).lower(), filled(redirect.port)
    usual = {"http": "80", "https": "443"}.get(protocol)
    authority = filled(redirect.host) + ("" if where == usual else f":{where}")
    query = filled(redirect.query)
    return f"{protocol}://{authority}{filled(redirect.path)}" + (f"?{query}" if query else "")


def find_balancer(balancers: Sequence[Balancer], request: Request) -> Balancer | None:
    """Return the balancer of a request that came to a shared address.

    The one that the Host header names; else the first with a rule of its own for this host; else the first.
    """
    for balancer in balancers:
        if balancer.dns == request.host:
            return balancer
    for balancer in balancers:
        for listener in balancer.listeners:
            if any(_names_host(rule) and matches(rule, request) for rule in listener.rules):
                return balancer
    return balancers[0] if balancers else None


def _names_host(rule: Rule) -> bool:
    return any(condition.field == "host-header" for condition in rule.conditions)
