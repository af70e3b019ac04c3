"""Asking again until there is an answer, under one deadline; clock and sleep are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Clock = Callable[[], float]
Sleep = Callable[[float], None]

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 3.0


def attempts(seconds: float, *, clock: Clock, sleep: Sleep) -> Iterator[float]:
    """Yield the seconds gone by, at once and then after growing pauses, for the last time when `seconds` are over."""
    start = clock()
    pause = FIRST_PAUSE
    while True:
        gone = clock() - start
        yield gone
        if gone >= seconds:
            return
        sleep(min(pause, max(seconds - gone, 0.01)))
        pause = min(pause * 1.3, LONGEST_PAUSE)
