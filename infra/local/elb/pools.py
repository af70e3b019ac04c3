"""The kept-alive connections to each target: one pool a target, closed when it is drained, as ALB closes them."""

from __future__ import annotations

import asyncio

import aiohttp

from infra.local.elb import targets
from infra.local.elb.targets import Entry

LOOK = 0.1
KEEP_SECONDS = 60.0
LONGEST_LINE = 65_536
SKIPPED = frozenset(("User-Agent", "Accept", "Accept-Encoding", "Content-Type"))
"""Headers that the client library would add of its own."""


class Pools:
    """The pools of one event loop."""

    def __init__(self) -> None:
        self._sessions: dict[Entry, aiohttp.ClientSession] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def of(self, entry: Entry) -> aiohttp.ClientSession:
        """Return the target's pool, made at its first request."""
        found = self._sessions.get(entry)
        if found is None:
            found = self._sessions[entry] = _session()
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        return found

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            for entry in [entry for entry in self._sessions if targets.is_idle_for_good(entry)]:
                await self._sessions.pop(entry).close()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=SKIPPED,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
    )
