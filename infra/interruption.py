"""A stop that somebody asked for: the first request winds down what is in flight, the second leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from infra.errors import Interrupted


class Stop:
    """Whether the command was asked to stop; safe to look at from any thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def requested(self) -> bool:
        """True from the first request on."""
        return self._asked.is_set()

    def request(self) -> None:
        """Ask for a stop."""
        self._asked.set()

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than until a stop is requested."""
        self._asked.wait(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep like `time.sleep`, but raise Interrupted as soon as a stop is requested."""
        if self._asked.wait(seconds):
            raise Interrupted("stopped, as you asked")


@contextmanager
def listening(stop: Stop, note: Callable[[], None]) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a request (`note` is called), and the second into KeyboardInterrupt."""

    def first(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.request()
        note()

    before = {number: signal.signal(number, first) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
