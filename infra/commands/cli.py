"""From parsed words to calls, and from results to stdout, stderr and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.commands.parser import LOCAL, parser
from infra.config import Config
from infra.errors import ConfigurationError, EstaleiroError, Interrupted, Refused
from infra.events import Event
from infra.report import event_json, event_line

Arguments = argparse.Namespace


def run(root: Path, words: list[str]) -> int:
    """Run one command; return the exit code. What went wrong is the last thing printed."""
    words, tail = _split(words)
    arguments = parser().parse_args(words)
    arguments.tail = tail
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return COMMANDS[arguments.command](root, arguments)
    except EstaleiroError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(Interrupted("interrupted; run the same command again to go on"), file=sys.stderr)
        return Interrupted.exit_code
    except BrokenPipeError:
        # The reader went away (`logs | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def say(text: str) -> None:
    """Progress and words for people go to stderr."""
    print(text, file=sys.stderr, flush=True)


def data(value: Any, text: str, arguments: Arguments) -> None:
    """What another program can use goes to stdout."""
    print(json.dumps(value, indent=2, default=str) if arguments.json else text)


def watcher(arguments: Arguments) -> Callable[[Event], None]:
    """One line an event; JSON lines with --json."""
    if arguments.json:
        return lambda event: say(json.dumps(event_json(event)))
    return lambda event: say(event_line(event))


def agree(question: str, arguments: Arguments) -> None:
    """Ask on a terminal. Raises Refused without one, or for any other answer than yes."""
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on; add --yes to go on. Nothing was changed")
    say(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")


def configuration(root: Path, arguments: Arguments) -> Config:
    """The environment's configuration."""
    from infra.commands.context import read_configuration

    return read_configuration(root, arguments.environment, arguments.like)


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


def _deploy(root: Path, arguments: Arguments) -> int:
    from infra.commands.deploy import Wishes, deploy
    from infra.commands.deploying import built_context, conclude

    context, images = built_context(root, configuration(root, arguments), watcher(arguments))

    def agreed(plan: Any) -> bool:
        from infra.report import plan_text

        say(plan_text(plan))
        if arguments.environment != LOCAL:
            agree("Go on?", arguments)
        return True

    wishes = Wishes(arguments.service, arguments.lock_wait, frozenset(arguments.allow))
    plan, outcome = deploy(context, images, wishes, agreed=agreed)
    result, text = conclude(context, plan, outcome)
    data(result, text, arguments)
    return 0


def _plan(root: Path, arguments: Arguments) -> int:
    from infra.commands.deploy import prepare
    from infra.commands.deploying import described_context
    from infra.report import plan_json, plan_text

    context, images = described_context(root, configuration(root, arguments), watcher(arguments))
    plan = prepare(context, images, only=arguments.service).plan
    data(plan_json(plan), plan_text(plan), arguments)
    return 1 if arguments.fail_on_changes and not plan.empty else 0


def _teardown(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import local_settings, open_context
    from infra.commands.teardown import refuse_protected, teardown, teardown_local

    config = configuration(root, arguments)
    refuse_protected(config)
    if arguments.environment == LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        settings = local_settings(root, config)
        if settings.state.exists():
            agree("This removes the local cloud and all its data. Go on?", arguments)
        removed = teardown_local(settings)
    else:
        context = open_context(root, config, watcher(arguments))
        agree(f"This removes {config.environment.name} and all its data. Go on?", arguments)
        removed = teardown(context)
    text = "\n".join(f"removed {item}" for item in removed) or "there was nothing to remove"
    data({"environment": config.environment.name, "removed": removed}, text, arguments)
    return 0


def _bootstrap(root: Path, arguments: Arguments) -> int:
    from infra.commands.bootstrap import bootstrap
    from infra.commands.context import open_context

    context = open_context(root, configuration(root, arguments), watcher(arguments))
    changed = bootstrap(context)
    data({"changed": changed}, "the account is ready" if changed else "nothing to do", arguments)
    return 0


def _images(root: Path, arguments: Arguments) -> int:
    from infra.commands.images import build

    images = build(root, configuration(root, arguments), watcher(arguments))
    data(dict(images.tags), "\n".join(images.tags.values()), arguments)
    return 0


def _migrate(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.commands.migrate import Migration, migrate

    context = open_context(root, configuration(root, arguments), watcher(arguments))
    migrate(context, arguments.services, Migration(arguments.to, arguments.sql, arguments.status), print)
    return 0


def _run(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.commands.run import Run, run, start

    if not arguments.tail:
        raise ConfigurationError("run: the command is missing; write `run ENV SERVICE -- COMMAND ...`")
    context = open_context(root, configuration(root, arguments), watcher(arguments))
    variables = _variables(arguments.env)
    wanted = Run(tuple(arguments.tail), variables, arguments.cpu, arguments.memory, arguments.process)
    if arguments.detach:
        print(start(context, arguments.service, wanted))
        return 0
    result = run(context, arguments.service, wanted, lambda text: print(text, flush=True))
    if not result.succeeded:
        say(f"the task failed: {result.cause}")
    return 1 if result.exit_code is None else result.exit_code


def _status(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.commands.status import status, status_text

    found = status(open_context(root, configuration(root, arguments), watcher(arguments)))
    data(found, status_text(found), arguments)
    return 0


def _releases(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.report import table
    from infra.state import Releases

    config = configuration(root, arguments)
    releases = Releases(open_context(root, config, watcher(arguments)).bucket, config.environment.name)
    rows = [{key: found.get(key) for key in ("release", "verdict", "when", "who")} for found in map(releases.read, releases.ids())]
    data(rows, table((list(row.values()) for row in rows), ("RELEASE", "VERDICT", "WHEN", "WHO")), arguments)
    return 0


def _logs(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.commands.logs import line, logs

    context = open_context(root, configuration(root, arguments), watcher(arguments))
    for service, event in logs(context, arguments.services, since_seconds=arguments.since, follow=arguments.follow):
        value = {"service": service, "stream": event.stream, "time_ms": event.time_ms, "message": event.message}
        print(json.dumps(value) if arguments.json else line(service, event), flush=True)
    return 0


def _token(root: Path, arguments: Arguments) -> int:
    from infra.commands.context import open_context
    from infra.commands.token import token

    issued = token(open_context(root, configuration(root, arguments), watcher(arguments)), arguments.scope)
    data({"access_token": issued, "token_type": "Bearer"}, issued, arguments)
    return 0


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "bootstrap": _bootstrap,
    "deploy": _deploy,
    "images": _images,
    "logs": _logs,
    "migrate": _migrate,
    "plan": _plan,
    "releases": _releases,
    "run": _run,
    "status": _status,
    "teardown": _teardown,
    "token": _token,
}
