"""Calls to other services: one pool, deadlines, the service's own token, retries only where they are safe."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import msgspec

from chassis import deadline, trace
from chassis.breaker import Breaker, RetryBudget
from chassis.token_source import ServiceUnavailable, TokenSource

__all__ = [
    "Breaker",
    "Response",
    "RetryBudget",
    "ServiceClient",
    "ServiceUnavailable",
    "TokenSource",
    "service_client",
    "session",
]

T = TypeVar("T")

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
RETRIED = frozenset({502, 503, 504})
ATTEMPTS = 3
TIMEOUT, CONNECT = 3.0, 1.0  # seconds for one attempt, and of these for a connection


@dataclass(frozen=True)
class Response:
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, kind: type[T]) -> T:
        """Return the body as `kind`. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.body, type=kind)


def session(*, limit: int = 100, timeout: float = TIMEOUT, connect: float = CONNECT) -> aiohttp.ClientSession:
    """Make the process' one pool of connections, inside its event loop; `timeout` and `connect` in seconds.

    Idle connections are given up before the balancer's 60 s; names are looked up again every 10 s.
    """
    connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=15, ttl_dns_cache=10)
    times = aiohttp.ClientTimeout(total=timeout, connect=connect)
    return aiohttp.ClientSession(connector=connector, timeout=times, cookie_jar=aiohttp.DummyCookieJar())


class ServiceClient:
    """Calls one other service by its name in the environment's private zone."""

    def __init__(
        self,
        base_url: str,
        http: aiohttp.ClientSession,
        *,
        tokens: TokenSource | None = None,
        breaker: Breaker | None = None,
        budget: RetryBudget | None = None,
        back_off: float = 0.1,
    ) -> None:
        """`base_url` like http://movies.local.internal; `back_off` is the first longest pause, in seconds."""
        self._base = base_url.rstrip("/")
        self._http = http
        self._tokens = tokens
        self._breaker = breaker or Breaker()
        self._budget = budget or RetryBudget()
        self._back_off = back_off

    async def get(self, path: str, **arguments: Any) -> Response:
        """GET `path`; see `request`."""
        return await self.request("GET", path, **arguments)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request, `body` as JSON, and return the answer whatever its status below 502.

        Idempotent methods, and others that carry Idempotency-Key, are tried three times with jittered pauses, as
        long as the retry budget and the deadline of the current request allow. Raises ServiceUnavailable.
        """
        given = dict(headers or {})
        safe = method in IDEMPOTENT or "Idempotency-Key" in given
        if body is not None:
            given["Content-Type"] = "application/json"
        data = None if body is None else msgspec.json.encode(body)
        arguments = {"data": data, "params": query, "headers": given}
        self._budget.earn()
        failure = ""
        for attempt in range(ATTEMPTS if safe else 1):
            if attempt and not await self._may_retry(attempt):
                break
            answer, failure = await self._attempt(method, path, **arguments)
            if answer is not None:
                return answer
        raise ServiceUnavailable(f"{self._base} {failure}")

    async def _may_retry(self, attempt: int) -> bool:
        """Pause before another attempt, unless there is no budget or no time for it."""
        pause = _jitter(0, self._back_off * 2 ** (attempt - 1))
        if deadline.remaining(TIMEOUT) <= pause or not self._budget.spend():
            return False
        await asyncio.sleep(pause)
        return True

    async def _attempt(self, method: str, path: str, **arguments: Any) -> tuple[Response | None, str]:
        """Return the answer, or None and what went wrong."""
        if deadline.remaining(TIMEOUT) <= 0:
            return None, "was not asked: the caller no longer waits"
        if not self._breaker.allows():
            raise ServiceUnavailable(f"{self._base} failed too often; not asked for some seconds")
        try:
            answer = await self._authorized(method, path, **arguments)
        except (TimeoutError, aiohttp.ClientError) as error:
            self._breaker.record(False)
            return None, f"does not answer: {error!r}"
        self._breaker.record(answer.status not in RETRIED)
        return (None, f"answered {answer.status}") if answer.status in RETRIED else (answer, "")

    async def _authorized(self, method: str, path: str, **arguments: Any) -> Response:
        if self._tokens is None:
            return await self._send(method, path, "", **arguments)
        token = await self._tokens.get()
        answer = await self._send(method, path, token, **arguments)
        if answer.status != 401:
            return answer
        # Perhaps the issuer's keys were rotated in a hurry: a 401 changed nothing, so once more is safe.
        self._tokens.drop(token)
        return await self._send(method, path, await self._tokens.get(), **arguments)

    async def _send(
        self, method: str, path: str, token: str, *, headers: Mapping[str, str], **arguments: Any
    ) -> Response:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        patience = max(0.001, deadline.remaining(self._http.timeout.total or TIMEOUT))
        async with self._http.request(
            method,
            self._base + path,
            headers={**headers, **trace.headers(), **deadline.header(patience), **authorization},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=patience, connect=self._http.timeout.connect),
            **arguments,
        ) as answer:
            return Response(answer.status, answer.headers, await answer.read())


def service_client(
    service: str,
    http: aiohttp.ClientSession,
    *,
    settings: Any,
    scopes: list[str],
) -> ServiceClient:
    """Return a client of `service` from settings that are WebSettings and ClientSettings."""
    source = TokenSource(
        http,
        settings.token_issuer,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        scope=" ".join(scopes),
    )
    address = settings.service_address.replace("{service}", service)
    address = address.replace("{internal_domain}", settings.internal_domain)
    return ServiceClient(address, http, tokens=source)


def _jitter(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - spreads load, keeps no secret
