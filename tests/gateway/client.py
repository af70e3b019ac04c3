"""What the gateway's tests ask with: one plain request, raw bytes, or many requests at once."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, _headers(answer), answer.read())
    finally:
        connection.close()


def ask_raw(port: int, request: bytes) -> Answer:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, _headers(answer), answer.read())


def _headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    """Return the headers by name; the lines of one that came several times as one list (RFC 9110, 5.3)."""
    return {name: ", ".join(answer.headers.get_all(name, [])) for name in answer.headers}


def request_bytes(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    fields = {"Host": "gateway", **(headers or {})}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def from_many(requests: Iterable[bytes]) -> list[bytes]:
    """Return the requests as those of many clients, so that none meets a limit."""
    return [
        request.replace(
            b"\r\n",
            f"\r\nX-Forwarded-For: 198.18.{number // 250 % 250}.{number % 250 + 1}\r\n".encode(),
            1,
        )
        for number, request in enumerate(requests)
    ]


def statuses(port: int, requests: Iterable[bytes], *, connections: int = 16) -> list[int]:
    """Return the status of each request, sent over `connections` kept-alive connections."""
    return asyncio.run(_statuses(port, list(requests), connections))


async def _statuses(port: int, requests: list[bytes], connections: int) -> list[int]:
    found = [0] * len(requests)
    waiting = iter(enumerate(requests))

    async def work() -> None:
        connection: Connection | None = None
        for index, request in waiting:
            connection = connection or await connect(port)
            found[index], stays = await exchange(connection, request)
            if not stays:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    async with asyncio.timeout(300):
        await asyncio.gather(*(work() for _ in range(min(connections, len(requests)))))
    return found


_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")


class Connection(asyncio.Protocol):
    """A connection on which one request after the other is answered; it looks at no more of an answer than it needs."""

    _transport: asyncio.Transport
    _answered: asyncio.Future[tuple[int, bool]]

    def __init__(self) -> None:
        self._received = b""

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bool]]:
        self._received, self._answered = b"", asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self.connection_lost(None)
        self._transport.write(request)
        return self._answered

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = self._received[:end].lower()
        length = _LENGTH.search(head)
        if length and len(self._received) < end + int(length[1]):
            return
        if b"\r\ntransfer-encoding: chunked" in head and not self._received.endswith(b"0\r\n\r\n"):
            return
        if not self._answered.done():
            self._answered.set_result((int(head[9:12]), b"\r\nconnection: close" not in head))

    def connection_lost(self, error: Exception | None) -> None:
        answered = getattr(self, "_answered", None)
        if answered is not None and not answered.done():
            answered.set_exception(error or ConnectionResetError("closed before an answer"))


async def connect(port: int) -> Connection:
    """Open a connection for `exchange`."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def exchange(connection: Connection, request: bytes) -> tuple[int, bool]:
    """Send one request; return its status, and whether the connection stays open. Raises OSError when it was cut off."""
    return await connection.ask(request)
