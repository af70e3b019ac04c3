"""From parsed words to calls, and from results to stdout, stderr and the exit code."""

from __future__ import annotations

import argparse
import errno
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
    looking,
    migrating,
    new,
    token,
)
from infra.commands import run as run_command
from infra.commands.opening import configuration, opened
from infra.commands.parser import parser
from infra.commands.terminal import data, forget, liner, why, write
from infra.errors import ConfigurationError, EstaleiroError, Interrupted, LeftAtOnce, NotFound

Arguments = argparse.Namespace
TAKE_A_COMMAND = ("exec", "hosts", "run")
# What is wrong with a disk or a folder, and not with this program.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def run(root: Path, words: list[str]) -> int:
    """Run one command; return the exit code. What went wrong is the last thing printed."""
    words, tail = _split(words)
    arguments = parser().parse_args(words)
    if tail and arguments.command not in TAKE_A_COMMAND:
        parser().error(f"{arguments.command} runs no command: nothing may stand after `--` (is {tail[0]!r})")
    arguments.tail = tail
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        code = _ended(root, arguments)
        write(sys.stdout, "")
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        forget(sys.stdout)
        why(
            f"{error.filename or 'the output'} cannot be written: {error.strerror}; mend that and run it again"
        )
        return 1
    return code


def _ended(root: Path, arguments: Arguments) -> int:
    try:
        return COMMANDS[arguments.command](root, arguments)
    except LeftAtOnce as error:
        leave(error)
    except EstaleiroError as error:
        why(_sentence(error, arguments))
        return error.exit_code
    except KeyboardInterrupt:
        leave(Interrupted("interrupted; run the same command again to go on"))


def _sentence(error: EstaleiroError, arguments: Arguments) -> str:
    """Whichever call first misses the state bucket, the account was never bootstrapped."""
    if isinstance(error, NotFound) and error.code == "NoSuchBucket":
        return f"{error}; run `./deploy.py bootstrap {arguments.environment}` once"
    return str(error)


def leave(error: Interrupted) -> NoReturn:
    """End at once: threads of this process that still wait for AWS or the engine are not waited for."""
    why(str(error))
    write(sys.stdout, "")
    os._exit(error.exit_code)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Everything after `--` belongs to the command that is run."""
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
        task = run_command.start(context, arguments.service, wanted)
        data({"task": task}, task, arguments)
        return 0
    line = liner(arguments, context.reporter, f"{arguments.service} run")
    result = run_command.run(context, arguments.service, wanted, line)
    if arguments.json:
        data({"task": result.task, "exit_code": result.exit_code, "cause": result.cause}, "", arguments)
    if not result.succeeded:
        why(run_command.ending(result))
    return run_command.exit_code(result)


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
    "migrate": _migrate,
    "new": _new,
    "run": _run,
    "token": _token,
    **asking.COMMANDS,
    **changing.COMMANDS,
    **ending.COMMANDS,
    **looking.COMMANDS,
}
