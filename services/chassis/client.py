"""Calls to other services: one pool, deadlines, the service's own token, retries only where they are safe."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote_plus

import aiohttp
import msgspec

from chassis import trace

T = TypeVar("T")

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
RETRIED = frozenset({502, 503, 504})
ATTEMPTS = 3
TIMEOUT = 3.0  # seconds for one attempt
EARLY = 0.8  # part of a token's life after which a new one is fetched


class ServiceUnavailable(Exception):
    """The service did not answer, answered with a gateway error, or its circuit is open."""


@dataclass(frozen=True)
class Response:
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, kind: type[T]) -> T:
        """Return the body as `kind`. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.body, type=kind)


@dataclass
class Breaker:
    """Opens after `limit` failures in a row; after `rest` seconds lets one call try again."""

    limit: int = 5
    rest: float = 5.0
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    opened_at: float = field(default=float("-inf"))

    def allows(self) -> bool:
        """Say whether a call may go out now; the first after the rest is the trial for all others."""
        if self.failures < self.limit:
            return True
        if self.clock() - self.opened_at < self.rest:
            return False
        self.opened_at = self.clock()
        return True

    def record(self, succeeded: bool) -> None:
        """Note how a call ended."""
        self.failures = 0 if succeeded else self.failures + 1
        if self.failures >= self.limit:
            self.opened_at = self.clock()


def session(*, limit: int = 100) -> aiohttp.ClientSession:
    """Make the process' one pool of connections, inside its event loop.

    Idle connections are given up before the balancer's 60 s; names are looked up again every 10 s.
    """
    connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=15, ttl_dns_cache=10)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT, connect=1.0)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


class TokenSource:
    """The service's own access token by client credentials, fetched early and by one caller at a time."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        issuer: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._address = f"{issuer}/oauth/token"
        # RFC 6749, 2.3.1: form-urlencoded first, so that any character survives.
        credentials = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
        self._authorization = f"Basic {base64.b64encode(credentials).decode()}"
        self._scope = scope
        self._clock = clock
        self._token = ""
        self._renew_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """Return a token with some of its life left. Raises ServiceUnavailable."""
        async with self._lock:
            if self._clock() >= self._renew_at:
                await self._fetch()
            return self._token

    def drop(self, token: str) -> None:
        """Forget a token that was refused, unless a newer one is here already."""
        if token == self._token:
            self._renew_at = float("-inf")

    async def _fetch(self) -> None:
        form = {"grant_type": "client_credentials", "scope": self._scope}
        try:
            headers = {**trace.headers(), "Authorization": self._authorization}
            async with self._http.post(
                self._address, data=form, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise ServiceUnavailable(f"the token issuer answered {answer.status}")
                grant = await answer.json()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ServiceUnavailable(f"the token issuer does not answer: {error!r}") from error
        self._token = grant["access_token"]
        self._renew_at = self._clock() + grant["expires_in"] * EARLY * _jitter(0.9, 1.0)


class ServiceClient:
    """Calls one other service by its name in the environment's private zone."""

    def __init__(
        self,
        base_url: str,
        http: aiohttp.ClientSession,
        *,
        tokens: TokenSource | None = None,
        breaker: Breaker | None = None,
        back_off: float = 0.1,
    ) -> None:
        """`base_url` like http://movies.local.internal; `back_off` is the first longest pause, in seconds."""
        self._base = base_url.rstrip("/")
        self._http = http
        self._tokens = tokens
        self._breaker = breaker or Breaker()
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

        Idempotent methods, and others that carry Idempotency-Key, are tried three times with jittered pauses.
        Raises ServiceUnavailable.
        """
        given = dict(headers or {})
        safe = method in IDEMPOTENT or "Idempotency-Key" in given
        if body is not None:
            given["Content-Type"] = "application/json"
        data = None if body is None else msgspec.json.encode(body)
        failure = ""
        for attempt in range(ATTEMPTS if safe else 1):
            if attempt:
                await asyncio.sleep(_jitter(0, self._back_off * 2 ** (attempt - 1)))
            if not self._breaker.allows():
                raise ServiceUnavailable(f"{self._base} failed too often; not asked for some seconds")
            try:
                answer = await self._authorized(method, path, data=data, params=query, headers=given)
            except (TimeoutError, aiohttp.ClientError) as error:
                failure = f"does not answer: {error!r}"
            else:
                self._breaker.record(answer.status not in RETRIED)
                if answer.status not in RETRIED:
                    return answer
                failure = f"answered {answer.status}"
                continue
            self._breaker.record(False)
        raise ServiceUnavailable(f"{self._base} {failure}")

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
        async with self._http.request(
            method,
            self._base + path,
            headers={**headers, **trace.headers(), **authorization},
            allow_redirects=False,
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
    return ServiceClient(f"http://{service}.{settings.internal_domain}", http, tokens=source)


def _jitter(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - spreads load, keeps no secret
