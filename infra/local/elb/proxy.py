"""The data plane of the load balancers: an ASGI application that sends each request to a healthy target and streams both ways."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import yarl

from infra.local.elb import routes, rules, targets
from infra.local.elb.answers import Refused, Reply, fixed, page, redirect
from infra.local.elb.pools import Pools
from infra.local.elb.rules import Balancer, Fixed, Forward, Listener, Redirect, Request
from infra.local.elb.targets import Entry, Target

log = logging.getLogger("estaleiro.local.elb")

CONNECT_SECONDS = 10.0
WHOLE = 65_536
"""Bytes up to which an answer of known length is passed on in one piece."""
HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
    )
)
"""Headers of one connection alone (RFC 9110 section 7.6.1), and `Expect`, which the server has answered already."""
FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"))
ANY_TIME = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))
"""Idempotent methods (RFC 9110 section 9.2.2)."""


class Door:
    """One address on which balancers listen; `internal` tells which balancers answer there."""

    def __init__(self, *, internal: bool) -> None:
        self._internal = internal
        self._pools = Pools()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        request = _request(scope)
        try:
            reply = await self._answer(scope, request, receive, send)
        except Refused as error:
            reply = page(error.status)
        if reply is not None:
            await reply.write(send, head=request.method == "HEAD")

    async def close(self) -> None:
        """Close the pooled connections to targets."""
        await self._pools.close()

    async def _answer(self, scope: Any, request: Request, receive: Any, send: Any) -> Reply | None:
        """Return what the balancer says itself; None when a target has answered."""
        balancer = rules.find_balancer(routes.current(internal=self._internal), request)
        if balancer is None or not balancer.listeners:
            raise Refused(503)
        listener = balancer.listeners[0]
        rule = rules.decide(listener, request)
        match rule.action if rule else None:
            case Fixed() as action:
                return fixed(action)
            case Redirect() as action:
                return redirect(action, request, scheme=listener.scheme, port=listener.port)
            case Forward() as action:
                exchange = _Exchange(scope, request, receive, send)
                await exchange.run(self._pools, rules.group(action), balancer, listener)
        return None


def _request(scope: Any) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        scope["method"],
        headers.get("host", "").rsplit(":", 1)[0].lower(),
        (scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        (scope.get("client") or ("127.0.0.1",))[0],
        headers,
    )


class _Exchange:
    """One request on its way to a target and back."""

    def __init__(self, scope: Any, request: Request, receive: Any, send: Any) -> None:
        self._scope = scope
        self._request = request
        self._receive = receive
        self._send = send
        self._body_read = False

    async def run(self, pools: Pools, group: str | None, balancer: Balancer, listener: Listener) -> None:
        """Try healthy targets until one answers; raise `Refused` 503 without one, 502 or 504 when none would."""
        tried: set[Target] = set()
        refusal = Refused(503)
        while group is not None:
            entry = targets.pick(group, besides=tried)
            if entry is None:
                break
            tried.add(entry.target)
            try:
                await self._forward(pools, entry, balancer, listener)
                return
            except _Unanswered as error:
                refusal = Refused(error.status)
                if not error.may_retry:
                    break
            finally:
                targets.done(entry)
        raise refusal

    async def _forward(self, pools: Pools, entry: Entry, balancer: Balancer, listener: Listener) -> None:
        host, port = entry.reach
        query = f"?{self._request.query}" if self._request.query else ""
        url = yarl.URL(f"http://{host}:{port}{self._request.path}{query}", encoded=True)
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=balancer.idle_seconds
        )
        try:
            response = await pools.of(entry).request(
                self._request.method,
                url,
                headers=_headers(self._scope, self._request, listener),
                data=self._body() if _has_body(self._request) else None,
                allow_redirects=False,
                timeout=timeout,
            )
        except aiohttp.ConnectionTimeoutError as error:
            raise _Unanswered(504, may_retry=not self._body_read) from error
        except aiohttp.ClientConnectorError as error:
            raise _Unanswered(502, may_retry=not self._body_read) from error
        except TimeoutError as error:
            raise _Unanswered(504, may_retry=False) from error
        except (aiohttp.ClientError, OSError) as error:
            may_retry = self._request.method in ANY_TIME and not self._body_read
            raise _Unanswered(502, may_retry=may_retry) from error
        async with response:
            await self._pass_on(response)

    async def _body(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            self._body_read = True
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the client went away before its request was complete")
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def _pass_on(self, response: aiohttp.ClientResponse) -> None:
        headers = [(name.lower(), value) for name, value in response.raw_headers if name.lower() not in HOP]
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        length = response.content_length
        if self._request.method == "HEAD" or (length is not None and length <= WHOLE):
            try:
                body = await response.read()
            except (aiohttp.ClientError, OSError) as error:
                raise _Unanswered(502, may_retry=False) from error
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send(start)
        await self._stream(response)

    async def _stream(self, response: aiohttp.ClientResponse) -> None:
        """Pass chunks on as they come; stop when the client goes away."""
        pump = asyncio.ensure_future(self._pump(response))
        gone = asyncio.ensure_future(self._gone())
        await asyncio.wait({pump, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not pump.done():
            pump.cancel()
            response.close()
        else:
            pump.result()

    async def _pump(self, response: aiohttp.ClientResponse) -> None:
        async for chunk in response.content.iter_any():
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Unanswered(Exception):
    """A target gave no answer; nothing has been sent to the client."""

    def __init__(self, status: int, *, may_retry: bool) -> None:
        super().__init__(status)
        self.status = status
        self.may_retry = may_retry


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _headers(scope: Any, request: Request, listener: Listener) -> list[tuple[str, str]]:
    """Return the headers as a target gets them: its own connection's left out, the X-Forwarded ones added as ALB does."""
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name.lower() not in HOP and name.lower() not in FORWARDED
    ]
    before = request.headers.get("x-forwarded-for")
    passed += [
        ("X-Forwarded-For", f"{before}, {request.client}" if before else request.client),
        ("X-Forwarded-Proto", listener.scheme),
        ("X-Forwarded-Port", str(listener.port)),
    ]
    if "x-amzn-trace-id" not in request.headers:
        passed.append(("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"))
    return passed
