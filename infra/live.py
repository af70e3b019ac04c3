"""The tree of what is under way, redrawn at the foot of a terminal; what has ended stands above it for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.events import Event
from infra.report import event_line

# Control sequences of ECMA-48: up so many lines, erase to the end of the screen; and select graphic rendition.
_UP, _ERASE = "\x1b[{}A", "\r\x1b[J"
_COLOURS = {"done": "32", "failed": "31;1", "warning": "33", "skipped": "33"}
_UNDER_WAY = ("IN_PROGRESS", "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING")
_NAMES = 34


@dataclass
class _Branch:
    """Something under way, since when, and what it is at; `parts` are what it goes through."""

    since: float
    text: str = ""
    parts: dict[str, _Branch] = field(default_factory=dict)


class LiveTree:
    """Events become a tree of steps, resources and tasks with the seconds that each has taken; safe to use from threads.

    `write` takes text for the terminal, `size` gives its columns and lines, `clock` seconds.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        size: Callable[[], tuple[int, int]],
        clock: Callable[[], float],
        coloured: bool = True,
    ) -> None:
        self._write = write
        self._size = size
        self._clock = clock
        self._coloured = coloured
        self._steps: dict[str, _Branch] = {}
        self._ended = 0
        self._drawn = 0
        self._began = clock()
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Take an event. What ends a step is written above the tree, and so is what a step says or fails at."""
        with self._lock:
            self._began = self._clock() - event.seconds
            branch = self._steps.get(event.step)
            if event.kind == "started":
                self._steps[event.step] = _Branch(event.seconds, event.text)
                self._redraw()
            elif event.kind == "progress" and branch is not None:
                _grow(branch, event)
                self._redraw()
            else:
                if event.kind in ("done", "failed", "skipped") and event.step in self._steps:
                    del self._steps[event.step]
                    self._ended += 1
                self._redraw(self._painted(event_line(event), event.kind))

    def say(self, text: str) -> None:
        """Write something above the tree for good."""
        with self._lock:
            self._redraw(text)

    def close(self) -> None:
        """Forget what is under way, so that nothing stands below the last word."""
        with self._lock:
            self._steps.clear()
            self._redraw()

    def tick(self) -> None:
        """Draw anew, so that the seconds go on."""
        with self._lock:
            if self._steps:
                self._redraw()

    def lines(self) -> list[str]:
        """The tree as it stands, no wider and no higher than the terminal."""
        columns, rows = self._size()
        now = self._clock() - self._began
        found = [line for name, branch in self._steps.items() for line in _step_lines(name, branch, now)]
        if not found:
            return []
        room = max(rows - 2, 2)
        if len(found) > room:
            found = [*found[: room - 1], f"         and {len(found) - room + 1} lines more"]
        found.append(f"{now:6.1f}s  {len(self._steps)} under way, {self._ended} ended")
        return [line[: columns - 1] for line in found]

    def _redraw(self, above: str = "") -> None:
        lines = self.lines()
        back = f"{_UP.format(self._drawn)}{_ERASE}" if self._drawn else ""
        self._write(back + "".join(f"{line}\n" for line in (*above.splitlines(), *lines)))
        self._drawn = len(lines)

    def _painted(self, text: str, kind: str) -> str:
        """Colour only repeats what the word says."""
        colour = _COLOURS.get(kind) if self._coloured else None
        return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def _grow(branch: _Branch, event: Event) -> None:
    if not event.about:
        branch.text = event.text
        return
    *above, name = event.about.split("/")
    for one in above:
        branch = branch.parts.setdefault(one, _Branch(event.seconds))
    part = branch.parts.setdefault(name, _Branch(event.seconds))
    part.text = event.text


def _step_lines(name: str, branch: _Branch, now: float) -> list[str]:
    head = f"{now - branch.since:6.1f}s  {name:<{_NAMES - 6}} {branch.text or '…'}"
    return [head, *_part_lines(branch, now, " " * 9)]


def _part_lines(branch: _Branch, now: float, indent: str) -> list[str]:
    """What is under way, each a line; what is not is counted, but for what went wrong."""
    shown = {name: part for name, part in branch.parts.items() if part.parts or _matters(part.text)}
    quiet = len(branch.parts) - len(shown)
    lines = []
    for number, (name, part) in enumerate(shown.items(), start=1):
        last = number == len(shown) and not quiet
        width = max(_NAMES - len(indent), len(name))
        lines.append(f"{indent}{'└' if last else '├'}─ {name:<{width}} {part.text} {now - part.since:.0f}s")
        lines += _part_lines(part, now, indent + ("   " if last else "│  "))
    return [*lines, f"{indent}└─ {quiet} done"] if quiet else lines


def _matters(text: str) -> bool:
    return any(word in text for word in _UNDER_WAY) or "FAILED" in text or "STOPPED" in text
