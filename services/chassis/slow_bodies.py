"""A request whose body does not arrive in time: given up, so that nobody can hold connections by sending slowly.

Tornado's own timeout closes the connection and says nothing; a caller that was only unlucky should be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tornado import httputil


class TimedBody(httputil.HTTPMessageDelegate):
    """Hands a request on to `delegate`, or, when the body takes longer than `seconds`, calls `give_up` in its place."""

    def __init__(
        self, delegate: httputil.HTTPMessageDelegate, seconds: float, give_up: Callable[[], object]
    ) -> None:
        self._delegate = delegate
        self._timer = asyncio.get_running_loop().call_later(seconds, give_up)

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._timer.cancel()
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._timer.cancel()
        self._delegate.on_connection_close()


def has_body(headers: httputil.HTTPHeaders) -> bool:
    """Say whether a request with these headers has a body to wait for (RFC 9112, 6.3)."""
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
