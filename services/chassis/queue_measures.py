"""How full the queue is, and whether anything died: one line of metrics a minute, from the one beat."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chassis import emf
from chassis.queue import Queue, State

log = logging.getLogger("chassis.emf")


def line(state: State, *, dimensions: Mapping[str, str], at: float) -> dict[str, Any]:
    """Return the members of the line; what is not known is left out."""
    known = {name: value for name, value in asdict(state).items() if value is not None}
    oldest = known.pop("oldest_seconds", None)
    values: dict[str, Any] = {f"queue_{name}": ("Count", number) for name, number in known.items()}
    if oldest is not None:
        values["queue_oldest_seconds"] = ("Seconds", oldest)
    return emf.members(values, dimensions=dimensions, at=at)


class QueueMeasures:
    """Looks once a minute, in a thread with a loop of its own: beat has none, and must not wait for SQS.

    Nor may beat's end, which comes by a signal in whatever its own thread is at, wait for a look.
    """

    def __init__(self, queue: Queue, dimensions: Mapping[str, str]) -> None:
        self._queue = queue
        self._dimensions = dimensions
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="queue measures", daemon=True)
        self._due_at = 0.0

    def write_if_due(self) -> None:
        """Write the line when the last is a minute old; returns at once."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + emf.PERIOD
        if not self._thread.is_alive():
            self._thread.start()
        asyncio.run_coroutine_threadsafe(self._write(), self._loop)

    def close(self) -> None:
        """Look no more; returns at once. The connections end with the process."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _write(self) -> None:
        try:
            state = await self._queue.look()
        except Exception as error:  # metrics must not stop beat
            log.warning("the queue cannot be measured: %s", error)
            return
        members = line(state, dimensions=self._dimensions, at=time.time())
        log.info("metrics", extra={"emf": members})
