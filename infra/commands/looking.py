"""The commands that look at what is deployed, or into it: `status`, `logs`, `releases`, `exec`, `graph`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from infra import ssh
from infra.commands import drawing, ending, inside, logs, released, status
from infra.commands.hosts import Login
from infra.commands.opening import configuration, opened
from infra.commands.terminal import data, forget, keep, page_file, say
from infra.pages.release import release_page
from infra.topology import topology_json, topology_text

Arguments = argparse.Namespace


def add_words(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add these commands to the parser; `add` makes one of a name and a help text."""
    shown = add("status", "what runs")
    shown.add_argument(
        "--all", action="store_true", help="every environment of the account, with age, cost and end"
    )
    kept = add("releases", "every deploy that was made, with its verdict; of one, when each step ran")
    kept.add_argument("release", nargs="?", metavar="RELEASE", help="an id of the list")
    kept.add_argument(
        "--html", type=page_file, metavar="FILE", help="write that one as a page with its timeline"
    )
    lines = add("logs", "the log lines of the services")
    lines.add_argument("services", nargs="*", metavar="SERVICE", help="only these services")
    lines.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    lines.add_argument(
        "--since", type=int, default=600, metavar="SECONDS", help="how far back (default: 600)"
    )
    entered = add(
        "exec", "a command in a container that serves (`-- CMD …`), else a shell; its exit code is ours"
    )
    entered.add_argument("service", metavar="SERVICE")
    entered.add_argument("--process", metavar="P", help="which process (default: web)")
    entered.add_argument(
        "--task", metavar="ID", help="which task, by the beginning of its id (default: the newest)"
    )
    entered.add_argument(
        "--key", type=Path, metavar="FILE", help="the private key to log in to the host with"
    )
    entered.add_argument("--user", default=ssh.USER, help="whom to log in as (default: core)")
    drawn = add("graph", "the stacks with what feeds what, and the services with who calls whom")
    drawn.add_argument(
        "--picture", type=page_file, metavar="FILE", help="write it to FILE: .svg, or .html with a table"
    )


def _status(root: Path, arguments: Arguments) -> int:
    if arguments.all:
        return ending.show_all(root, arguments)
    found = status.status(opened(root, arguments))
    data(found, status.status_text(found), arguments)
    return 0


def _releases(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)
    if arguments.release is None:
        rows = released.listed(context)
        data(rows, released.listed_text(rows), arguments)
        return 0
    record = released.one(context, arguments.release)
    data(record, released.one_text(record), arguments)
    if arguments.html:
        keep(arguments.html, release_page(record))
    return 0


def _logs(root: Path, arguments: Arguments) -> int:
    context, count = opened(root, arguments), 0
    try:
        for service, event in logs.logs(
            context, arguments.services, since_seconds=arguments.since, follow=arguments.follow
        ):
            count += 1
            value = {
                "service": service,
                "stream": event.stream,
                "time_ms": event.time_ms,
                "message": event.message,
            }
            print(json.dumps(value) if arguments.json else logs.line(service, event), flush=True)
    except BrokenPipeError:
        forget(sys.stdout)  # `logs -f | head`: who read them has enough
    if not count:
        say(f"no lines in the last {arguments.since} s; --since SECONDS looks further back")
    return 0


def _exec(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)
    place = inside.find(context, arguments.service, arguments.process, arguments.task)
    say(
        f"{place.service} {place.process}, task {place.task}"
        + (f" on {place.instance}" if place.instance else "")
    )
    return inside.run(context, place, arguments.tail, Login(arguments.key, None, arguments.user))


def _graph(root: Path, arguments: Arguments) -> int:
    drawn = drawing.drawn(root, configuration(root, arguments))
    if arguments.picture:
        keep(arguments.picture, drawing.picture(drawn, arguments.picture.suffix))
    data(topology_json(drawn), topology_text(drawn), arguments)
    return 0


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "exec": _exec,
    "graph": _graph,
    "logs": _logs,
    "releases": _releases,
    "status": _status,
}
