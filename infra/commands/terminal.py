"""Where words go: data to stdout, everything else to stderr; and the one question a command may ask."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from infra.errors import EstaleiroError, Refused
from infra.events import Event, Reporter
from infra.live import LiveTree
from infra.report import event_json, event_line

TICK_SECONDS = 0.5
QUIET_SECONDS = 4.0
# Words that no one may miss.
RARE = ("lock", "stop")
# So many of the last lines of a task are told again with the reason why it failed.
LAST_LINES = 40


class Screen:
    """Standard error: a tree that lives at its foot where it is a terminal, lines where it is not; and beside it stdout."""

    def __init__(self, *, same_eyes: Callable[[], bool]) -> None:
        self._tree: LiveTree | None = None
        self._same_eyes = same_eyes
        self._shown: deque[str] = deque(maxlen=LAST_LINES)

    def say(self, text: str) -> None:
        """Write text for good."""
        if self._tree is not None:
            self._tree.say(text)
        else:
            write(sys.stderr, f"{text}\n")

    def line(self, text: str) -> None:
        """Write a line to stdout as it comes."""
        self._shown.append(text)
        if self._tree is not None and self._same_eyes():
            self._tree.say(text)
        else:
            write(sys.stdout, f"{text}\n")

    def end(self, text: str = "") -> None:
        """Take the tree away and write the last words, without what the same eyes have just read on stdout."""
        if self._tree is not None:
            self._tree.close()
        read = list(self._shown) if self._same_eyes() else []
        why, *evidence = text.splitlines() or [""]
        lines = [why] if why and why not in read[-1:] else []
        lines += [line for line in evidence if line.removeprefix("  | ") not in read]
        if lines:
            self.say("\n".join(lines))

    def tree(self) -> LiveTree:
        """Return the one tree of this process; its seconds go on by themselves."""
        if self._tree is None:
            coloured = not os.environ.get("NO_COLOR")
            self._tree = LiveTree(_draw, size=_size, clock=time.monotonic, coloured=coloured)
            threading.Thread(target=self._tick, args=(self._tree,), daemon=True).start()
        return self._tree

    def _tick(self, tree: LiveTree) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            tree.tick()


def _same_eyes() -> bool:
    """Whether stdout and stderr end in one place: a terminal, a pipe, a file."""
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), os.fstat(sys.stderr.fileno()))
    except (OSError, ValueError):
        return False


SCREEN = Screen(same_eyes=_same_eyes)


def _size() -> tuple[int, int]:
    """Columns and lines; some terminals say that they have none."""
    size = os.get_terminal_size(sys.stderr.fileno())
    return size.columns or 80, size.lines or 24


def _draw(text: str) -> None:
    write(sys.stderr, text)


def write(stream: TextIO, text: str) -> None:
    """Write at once. Work does not stop half-way because its reader went away (`deploy 2>&1 | head`): the rest goes nowhere."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        forget(stream)


def forget(stream: TextIO) -> None:
    """Let what is written from here on, and what Python still keeps for it, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str) -> None:
    """Progress and words for people go to stderr."""
    SCREEN.say(text)


def why(text: str) -> None:
    """Say why a command failed: the last thing that it prints."""
    SCREEN.end(text)


def data(value: Any, text: str, arguments: argparse.Namespace) -> None:
    """What another program can use goes to stdout."""
    SCREEN.end()
    write(sys.stdout, f"{json.dumps(value, indent=2, default=str) if arguments.json else text}\n")


def liner(arguments: argparse.Namespace, reporter: Reporter, step: str) -> Callable[[str], None]:
    """A task's lines as they come: on stdout; beside JSON, events of the step."""
    if arguments.json:
        return lambda text: reporter.tell("log", step, text)
    return SCREEN.line


def page_file(text: str) -> Path:
    """Return the path of a page that a command writes at its end, for argparse: told at once where it cannot be."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def keep(path: Path, text: str) -> None:
    """Write a page to a file, and say where it is. Raises EstaleiroError when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EstaleiroError(f"{path} cannot be written: {error.strerror}") from None
    say(f"written: {path}")


def watcher(arguments: argparse.Namespace) -> Callable[[Event], None]:
    """Events as JSON lines with --json, as a living tree on a terminal, else as one line for each change."""
    if arguments.json:
        return lambda event: say(json.dumps(event_json(event)))
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return SCREEN.tree().tell
    return Lines(say)


class Lines:
    """A line for every change of a step, a resource or a task; of what a step merely goes through, one in a while."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._told: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Write the event, or leave it out: the end of a resource's change tells that it began, too."""
        if event.about:
            if "/" in event.about or not event.text.endswith("IN_PROGRESS"):
                self._write(event_line(event))
            return
        last = self._told.setdefault(event.step, event.seconds)
        if event.kind != "progress" or event.seconds - last >= QUIET_SECONDS or event.step in RARE:
            self._told[event.step] = event.seconds
            self._write(event_line(event))


def agree(question: str, arguments: argparse.Namespace) -> None:
    """Ask on a terminal. Raises Refused without one, or for any other answer than yes."""
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on; add --yes to go on. Nothing was changed")
    say(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")


def agree_by_name(warning: str, name: str) -> None:
    """Ask for a name to be typed, for what --yes must not do. Raises Refused without a terminal, or for any other word."""
    if not sys.stdin.isatty():
        raise Refused(f"{warning} That needs its name typed on a terminal. Nothing was changed")
    if _answered(warning, name) != name:
        raise Refused("nothing was changed")


def typed(question: str, name: str, given: str | None) -> None:
    """Have the environment's name typed, on the terminal or as --confirm NAME. Raises Refused."""
    if given is None and sys.stdin.isatty():
        given = _answered(question, name)
    if given is None:
        raise Refused(f"{question} Add --confirm {name} to go on. Nothing was changed")
    if given != name:
        raise Refused(f"{given!r} is not {name!r}; nothing was changed")


def _answered(question: str, name: str) -> str:
    say(f"{question} Type {name} to go on:")
    return sys.stdin.readline().strip()
