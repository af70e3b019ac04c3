"""What a running command tells whoever watches: frozen events, turned into text by infra.report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["started", "progress", "log", "done", "failed", "skipped", "warning"]


@dataclass(frozen=True)
class Event:
    """Something that happened in a step, `seconds` after the command began."""

    kind: Kind
    step: str
    text: str
    seconds: float


class Reporter:
    """Hands events to one consumer, one at a time, from any thread."""

    def __init__(self, consume: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._consume = consume
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()

    def tell(self, kind: Kind, step: str, text: str = "") -> None:
        """Report one event."""
        with self._lock:
            self._consume(Event(kind, step, text, self._clock() - self._begin))

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return self._clock() - self._begin
