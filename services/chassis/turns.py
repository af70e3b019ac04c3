"""Who waits for a connection is served in the order of coming.

SQLAlchemy's async pool hands what came back to whoever asks next, so that under load newcomers overtake who waits:
with 16 callers and 5 connections, one request in a hundred took 0.8 seconds where the others took 15 milliseconds.
"""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import TimeoutError as PoolTimeout


class Turns:
    """Lets in as many at once as a pool has connections: `async with turns:`. Inside, the pool has one for each."""

    def __init__(self, places: int, wait: float) -> None:
        """`wait` is how many seconds anybody waits at most; PoolTimeout after that."""
        self._places = asyncio.Semaphore(places)
        self._wait = wait

    async def __aenter__(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError as error:
            raise PoolTimeout(f"no connection was free within {self._wait:g} seconds") from error

    async def __aexit__(self, *_: object) -> None:
        self._places.release()
