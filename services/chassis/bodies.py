"""A request's body held to its bounds: given up when it is too long on its way, so that nobody can hold connections by
sending slowly, or grows too large while it comes in chunks, which announce no length.

Tornado's own bounds close the connection and say nothing, or a bare 400; a caller that was only unlucky should be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tornado import httputil


class BoundedBody(httputil.HTTPMessageDelegate):
    """Hands a request on to `delegate`, or answers in its place: by `too_late` after `seconds`, by `too_large` when
    there are more than `most` bytes. The rest of the request goes nowhere then.
    """

    def __init__(
        self,
        delegate: httputil.HTTPMessageDelegate,
        *,
        seconds: float,
        too_late: Callable[[], object],
        most: int,
        too_large: Callable[[], object],
    ) -> None:
        self._delegate = delegate
        self._timer = asyncio.get_running_loop().call_later(seconds, self._give_up, too_late)
        self._left = most
        self._too_large = too_large
        self._given_up = False

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._left -= len(chunk)
        if self._left >= 0:
            return self._delegate.data_received(chunk)
        if not self._given_up:
            self._give_up(self._too_large)
        return None

    def finish(self) -> None:
        self._timer.cancel()
        if not self._given_up:
            self._delegate.finish()

    def on_connection_close(self) -> None:
        self._timer.cancel()
        self._delegate.on_connection_close()

    def _give_up(self, answer: Callable[[], object]) -> None:
        self._timer.cancel()
        self._given_up = True
        answer()


def has_body(headers: httputil.HTTPHeaders) -> bool:
    """Say whether a request with these headers has a body to wait for (RFC 9112, 6.3)."""
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
