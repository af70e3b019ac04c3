"""What a running command tells whoever watches: frozen events, turned into text by infra.report."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["started", "progress", "log", "done", "failed", "skipped", "warning"]


@dataclass(frozen=True)
class Event:
    """Something that happened in a step, `seconds` after the command began.

    `about` is the resource of the step, or `RESOURCE/TASK`, whose state `text` is.
    """

    kind: Kind
    step: str
    text: str
    seconds: float
    about: str = ""


class Reporter:
    """Hands events to one consumer, one at a time, from any thread; keeps when each step began and ended."""

    def __init__(self, consume: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._consume = consume
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()
        self._ends: list[Event] = []

    def tell(self, kind: Kind, step: str, text: str = "", *, about: str = "") -> None:
        """Report one event."""
        with self._lock:
            event = Event(kind, step, text, self._clock() - self._begin, about)
            if kind in ("started", "done", "failed", "skipped"):
                self._ends.append(event)
            self._consume(event)

    @property
    def ends(self) -> tuple[Event, ...]:
        """What began and what ended so far."""
        with self._lock:
            return tuple(self._ends)

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return self._clock() - self._begin
