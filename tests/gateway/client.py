"""What the gateway's tests ask with: one plain request, raw bytes, or many requests at once."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
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
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


def ask_raw(port: int, request: bytes) -> Answer:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())


def request_bytes(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    fields = {"Host": "gateway", **(headers or {})}
    if body or method in ("POST", "PUT"):
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


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
                connection[1].close()
                connection = None
        if connection is not None:
            connection[1].close()

    await asyncio.gather(*(work() for _ in range(min(connections, len(requests)))))
    return found


async def connect(port: int) -> Connection:
    """Open a connection for `exchange`."""
    return await asyncio.open_connection("127.0.0.1", port)


async def exchange(connection: Connection, request: bytes) -> tuple[int, bool]:
    """Send one request; return its status, and whether the connection stays open."""
    reader, writer = connection
    writer.write(request)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif "chunked" in fields.get("transfer-encoding", ""):
        await reader.readuntil(b"0\r\n\r\n")
    return int(head.split(" ", 2)[1]), fields.get("connection") != "close"
