"""What needs to know the environment of a host, as Fabric tasks: `ENV=staging fab -H i-0abc,i-0def replace`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from infra.commands import hosts
from infra.commands.context import Context, new_reporter, open_context
from infra.commands.terminal import agree, watcher
from infra.config import load
from infra.errors import EstaleiroError, Refused
from infra.ssh import Remote, fabric_task

ROOT = Path(__file__).parents[2]


def _drain(remote: Remote) -> None:
    """Empty this host and leave it draining."""
    _work(remote, lambda context: hosts.drain(context, [remote.host]))


def _replace(remote: Remote) -> None:
    """Empty this host, end it and wait for its successor; the next host only then."""
    _work(remote, lambda context: hosts.replace(context, [remote.host]))


def _work(remote: Remote, work: Callable[[Context], list[str]]) -> None:
    words = argparse.Namespace(json=False, yes=bool(os.environ.get("YES")))
    try:
        config = load(ROOT, os.environ.get("ENV", "local"))
        _require_answer(words)
        agree(f"This moves the tasks of {remote.host} in {config.environment.name} elsewhere. Go on?", words)
        done = work(open_context(ROOT, config, new_reporter(watcher(words))))
    except EstaleiroError as error:
        sys.exit(f"{remote.host}: {error}")
    print(f"{remote.host}: {', '.join(done)}")


def _require_answer(words: argparse.Namespace) -> None:
    """Fabric's command line has no --yes."""
    if not words.yes and not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on; set YES=1 to go on. Nothing was changed")


drain, replace = fabric_task(_drain, "drain"), fabric_task(_replace, "replace")
