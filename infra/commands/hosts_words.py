"""The words of `hosts ENV …`: which action, on which hosts; and what is printed of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra import ssh
from infra.commands import host_update, hosts
from infra.commands.context import Context
from infra.commands.hosts import Login
from infra.commands.terminal import agree, data, say, write
from infra.errors import ConfigurationError
from infra.fleet.hosts import fleet_text
from infra.fleet.tasks import journal
from infra.report import table

Arguments = argparse.Namespace
RUN_SECONDS = 300.0


def add_words(command: argparse.ArgumentParser) -> None:
    """Add the action and its options to the command's parser."""
    command.add_argument(
        "action", choices=sorted(ACTIONS), metavar="ACTION", help=" | ".join(sorted(ACTIONS))
    )
    command.add_argument("hosts", nargs="*", metavar="HOST", help="instance ids; none: all of them")
    command.add_argument("--yes", action="store_true", help="replace without asking")
    command.add_argument("--key", type=Path, metavar="FILE", help="the private key to log in with")
    command.add_argument("--user", default=ssh.USER, help="whom to log in as (default: core)")
    command.add_argument(
        "--timeout",
        type=float,
        default=RUN_SECONDS,
        metavar="SECONDS",
        help="for a command (default: 300; 0: none)",
    )
    command.add_argument("--lines", type=int, default=100, metavar="N", help="of the journal (default: 100)")
    command.add_argument("-f", "--follow", action="store_true", help="go on as lines of the journal come")
    command.add_argument("--image", metavar="AMI", help="update to this image, not to the newest")


def act(context: Context, arguments: Arguments) -> int:
    """Do what the words say; return the exit code."""
    return ACTIONS[arguments.action](context, arguments)


def _list(context: Context, arguments: Arguments) -> int:
    found = hosts.listed(context)
    data(found, fleet_text(found["hosts"]), arguments)
    for warning in found["warnings"]:
        say(warning)
    return 0


def _run(context: Context, arguments: Arguments) -> int:
    if not arguments.tail:
        raise ConfigurationError(
            "hosts run: the command is missing; write `hosts ENV run [HOST ...] -- COMMAND ...`"
        )
    return _everywhere(context, arguments, " ".join(arguments.tail))


def _logs(context: Context, arguments: Arguments) -> int:
    if arguments.follow:
        arguments.timeout = 0
    return _everywhere(context, arguments, journal(arguments.lines, follow=arguments.follow))


def _everywhere(context: Context, arguments: Arguments, command: str) -> int:
    answers = hosts.run(context, arguments.hosts, command, _login(arguments), told=_print_line)
    for answer in answers:
        if answer.failure:
            say(f"{answer.host}: {answer.failure}")
        elif not answer.well:
            say(f"{answer.host}: exit code {answer.code}")
    return ssh.exit_code(answers)


def _print_line(remote: ssh.Remote, stream: ssh.Stream, line: str) -> None:
    write(sys.stdout if stream == "out" else sys.stderr, f"{remote.host}: {line}\n")


def _ssh(context: Context, arguments: Arguments) -> int:
    if len(arguments.hosts) != 1:
        raise ConfigurationError("hosts ssh: name one host; `hosts ENV list` shows them")
    return hosts.open_terminal(context, arguments.hosts[0], arguments.tail, _login(arguments))


def _drain(context: Context, arguments: Arguments) -> int:
    done = hosts.drain(context, arguments.hosts)
    data({"drained": done}, "\n".join(f"{name} is empty" for name in done), arguments)
    return 0


def _replace(context: Context, arguments: Arguments) -> int:
    which = ", ".join(arguments.hosts) or "every host"
    agree(f"This replaces {which} of {context.config.environment.name}, one at a time. Go on?", arguments)
    new = hosts.replace(context, arguments.hosts)
    data({"new": new}, "\n".join(f"{name} took over" for name in new), arguments)
    return 0


def _update(context: Context, arguments: Arguments) -> int:
    proposed = host_update.proposal(context, arguments.image)
    words = f"{proposed.before} to {proposed.after.id} ({proposed.after.name})"
    if proposed.before == proposed.after.id:
        words = f"{proposed.after.name}, which is pinned already, on hosts that run another"
    agree(f"This brings the hosts of {context.config.environment.name} from {words}. Go on?", arguments)
    result = host_update.update(context, proposed)
    data(result, f"every host runs {proposed.after.name}", arguments)
    return 0


def _doctor(context: Context, arguments: Arguments) -> int:
    found = hosts.doctor(context, arguments.hosts, _login(arguments))
    data(found, doctor_text(found), arguments)
    return 0 if all(check["well"] for host in found["hosts"] for check in host["checks"]) else 1


def doctor_text(found: dict[str, Any]) -> str:
    """Every check of every host, and under each that is not well what mends it."""
    return "\n\n".join(f"{host['instance']}\n{_checks_text(host['checks'])}" for host in found["hosts"])


def _checks_text(checks: list[dict[str, Any]]) -> str:
    rows = table(
        ((f"  {'ok' if one['well'] else 'FAIL'}", one["check"], one["said"][:160]) for one in checks),
        ("", "CHECK", "SAID"),
    )
    mends = [f"  {one['check']}: {one['mend']}" for one in checks if not one["well"]]
    return "\n".join([rows, *mends])


def _login(arguments: Arguments) -> Login:
    return Login(arguments.key, arguments.timeout or None, arguments.user)


ACTIONS: dict[str, Callable[[Context, Arguments], int]] = {
    "doctor": _doctor,
    "drain": _drain,
    "list": _list,
    "logs": _logs,
    "replace": _replace,
    "run": _run,
    "ssh": _ssh,
    "update": _update,
}
