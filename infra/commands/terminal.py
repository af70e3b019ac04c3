"""Where words go: data to stdout, everything else to stderr; and the one question a command may ask."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from infra.errors import Refused
from infra.events import Event
from infra.report import event_json, event_line


def say(text: str) -> None:
    """Progress and words for people go to stderr."""
    print(text, file=sys.stderr, flush=True)


def data(value: Any, text: str, arguments: argparse.Namespace) -> None:
    """What another program can use goes to stdout."""
    print(json.dumps(value, indent=2, default=str) if arguments.json else text)


QUIET_SECONDS = 4.0


def watcher(arguments: argparse.Namespace) -> Callable[[Event], None]:
    """One line an event, all of them as JSON lines with --json; for people, what a step goes through is thinned out."""
    if arguments.json:
        return lambda event: say(json.dumps(event_json(event)))
    told: dict[str, float] = {}

    def tell(event: Event) -> None:
        if event.kind == "progress" and event.seconds - told.get(event.step, event.seconds) < QUIET_SECONDS:
            told.setdefault(event.step, event.seconds)
            return
        told[event.step] = event.seconds
        say(event_line(event))

    return tell


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
    say(f"{warning} Type {name} to go on:")
    if sys.stdin.readline().strip() != name:
        raise Refused("nothing was changed")
