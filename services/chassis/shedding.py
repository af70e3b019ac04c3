"""Load shedding: a process that has more to do than it can finish in time refuses at once, before it reads a body."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

INTERVAL = 0.1  # seconds between two looks at the loop
SMOOTHING = 0.2  # weight of the newest look: one slow callback is no overload


@dataclass
class LoopLag:
    """How late the event loop is, in seconds, smoothed; a loop that is late has no processor left."""

    seconds: float = 0.0
    _watch: asyncio.Task[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Watch the running loop."""
        self._watch = asyncio.get_running_loop().create_task(self._look())

    async def stop(self) -> None:
        """Watch no longer."""
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch

    def record(self, late: float) -> None:
        """Take one look into the average."""
        self.seconds += SMOOTHING * (max(0.0, late) - self.seconds)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self.record(loop.time() - due)


@dataclass(frozen=True)
class Limits:
    """What one process takes on: requests at once, and the seconds that its loop may be late or a body be on its way."""

    requests: int = 100
    lag: float = 0.5
    body: float = 20.0

    def exceeded(self, in_flight: int, lag: float) -> bool:
        """Say whether one request more, beside those in flight, is too much."""
        return in_flight >= self.requests or lag > self.lag
