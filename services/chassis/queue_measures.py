"""How full the queue is, and whether anything died: one line of metrics a minute, from the one beat."""

from __future__ import annotations

import asyncio
import logging
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
    """Looks once a minute; `queue` is made inside a loop that is kept for it, since beat itself has none."""

    def __init__(self, queue: Queue, dimensions: Mapping[str, str]) -> None:
        self._queue = queue
        self._dimensions = dimensions
        self._loop = asyncio.new_event_loop()
        self._due_at = 0.0

    def write_if_due(self) -> None:
        """Write the line when the last is a minute old."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + emf.PERIOD
        try:
            state = self._loop.run_until_complete(self._queue.look())
        except Exception as error:  # metrics must not stop beat
            log.warning("the queue cannot be measured: %s", error)
            return
        members = line(state, dimensions=self._dimensions, at=time.time())
        log.info("metrics", extra={"emf": members})

    def close(self) -> None:
        """Close the connections."""
        self._loop.run_until_complete(self._queue.close())
        self._loop.close()
