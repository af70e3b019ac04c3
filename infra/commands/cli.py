"""From parsed words to calls, and from results to stdout, stderr and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from infra.commands import (
    asking,
    changing,
    ending,
    hosts_words,
    logs,
    migrating,
    new,
    status,
    token,
)
from infra.commands import run as run_command
from infra.commands.opening import configuration, opened
from infra.commands.parser import parser
from infra.commands.terminal import data, say
from infra.errors import ConfigurationError, EstaleiroError, Interrupted, LeftAtOnce
from infra.report import table
from infra.state import Releases

Arguments = argparse.Namespace


def run(root: Path, words: list[str]) -> int:
    """Run one command; return the exit code. What went wrong is the last thing printed."""
    words, tail = _split(words)
    arguments = parser().parse_args(words)
    arguments.tail = tail
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return COMMANDS[arguments.command](root, arguments)
    except LeftAtOnce as error:
        leave(error)
    except EstaleiroError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        leave(Interrupted("interrupted; run the same command again to go on"))
    except BrokenPipeError:
        # The reader went away (`logs | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def leave(error: Interrupted) -> NoReturn:
    """End at once: threads of this process that still wait for AWS or the engine are not waited for."""
    print(error, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(error.exit_code)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Everything after `--` belongs to the command that `run` runs."""
    if "--" in words:
        at = words.index("--")
        return words[:at], words[at + 1 :]
    return words, []


def _as_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _variables(pairs: list[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigurationError(f"--env: should be NAME=VALUE (is {wrong[0]!r})")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _migrate(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    if arguments.lint:
        return migrating.lint(root, config, arguments)
    return migrating.run(opened(root, arguments, config), arguments)


def _run(root: Path, arguments: Arguments) -> int:
    if not arguments.tail:
        raise ConfigurationError("run: the command is missing; write `run ENV SERVICE -- COMMAND ...`")
    context = opened(root, arguments)
    variables = _variables(arguments.env)
    wanted = run_command.Run(
        tuple(arguments.tail), variables, arguments.cpu, arguments.memory, arguments.process
    )
    if arguments.detach:
        print(run_command.start(context, arguments.service, wanted))
        return 0
    result = run_command.run(context, arguments.service, wanted, lambda text: print(text, flush=True))
    if not result.succeeded:
        say(run_command.ending(result))
    return 1 if result.exit_code is None else result.exit_code


def _status(root: Path, arguments: Arguments) -> int:
    if arguments.all:
        return ending.show_all(root, arguments)
    found = status.status(opened(root, arguments))
    data(found, status.status_text(found), arguments)
    return 0


def _releases(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    releases = Releases(opened(root, arguments, config).bucket, config.environment.name)
    rows = [
        {key: found.get(key) for key in ("release", "verdict", "when", "who")}
        for found in map(releases.read, releases.ids())
    ]
    data(
        rows,
        table(([str(cell) for cell in row.values()] for row in rows), ("RELEASE", "VERDICT", "WHEN", "WHO")),
        arguments,
    )
    return 0


def _logs(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)
    for service, event in logs.logs(
        context, arguments.services, since_seconds=arguments.since, follow=arguments.follow
    ):
        value = {
            "service": service,
            "stream": event.stream,
            "time_ms": event.time_ms,
            "message": event.message,
        }
        print(json.dumps(value) if arguments.json else logs.line(service, event), flush=True)
    return 0


def _token(root: Path, arguments: Arguments) -> int:
    issued = token.token(opened(root, arguments), arguments.scope)
    data({"access_token": issued, "token_type": "Bearer"}, issued, arguments)
    return 0


def _new(root: Path, arguments: Arguments) -> int:
    written = [str(path.relative_to(root)) for path in new.new_service(root, arguments.name)]
    data({"files": written}, "\n".join(written), arguments)
    return 0


def _hosts(root: Path, arguments: Arguments) -> int:
    return hosts_words.act(opened(root, arguments), arguments)


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "hosts": _hosts,
    "logs": _logs,
    "migrate": _migrate,
    "new": _new,
    "releases": _releases,
    "run": _run,
    "status": _status,
    "token": _token,
    **asking.COMMANDS,
    **changing.COMMANDS,
    **ending.COMMANDS,
}
