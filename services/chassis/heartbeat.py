"""The heartbeat file of workers and beat: touched by the loop that consumes or ticks, so it stops when that stops."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import bootsteps

PATH = Path(os.environ.get("HEARTBEAT", "/tmp/heartbeat"))  # noqa: S108 - /tmp is ours alone
INTERVAL = 5.0  # seconds


def touch(path: Path | None = None) -> None:
    """Set the file's time to now."""
    (path or PATH).touch()


class ConsumerHeartbeat(bootsteps.StartStopStep):
    """Touches the file from the consumer's own timer while it is connected.

    No thread of its own: a thread would go on beating in a process whose consumer hangs.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._entry: Any = None

    def start(self, consumer: Any) -> None:
        touch()
        self._entry = consumer.timer.call_repeatedly(INTERVAL, touch)

    def stop(self, consumer: Any) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    shutdown = stop
