"""From parsed words to calls, and from results to stdout, stderr and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from infra.commands import (
    bootstrap,
    deploy,
    images,
    logs,
    migrate,
    new,
    recover,
    rollback,
    status,
    teardown,
    token,
)
from infra.commands import run as run_command
from infra.commands.context import Context, local_settings, new_reporter, open_context, uses_local_cloud
from infra.commands.deploying import built_context, conclude, described_context, rehearsal_context
from infra.commands.parser import parser
from infra.commands.terminal import agree, data, say, watcher
from infra.config import Config, load
from infra.errors import ConfigurationError, EstaleiroError, Interrupted, LeftAtOnce
from infra.report import plan_json, plan_text, table
from infra.state import Releases
from infra.steps import Plan

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


def configuration(root: Path, arguments: Arguments) -> Config:
    """The environment's configuration."""

    return load(root, arguments.environment, like=arguments.like)


def opened(root: Path, arguments: Arguments, config: Config | None = None) -> Context:
    """The surroundings of a command that looks at, or works in, what is deployed."""
    reporter = new_reporter(watcher(arguments))
    return open_context(root, config or configuration(root, arguments), reporter)


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
    context, built = built_context(root, configuration(root, arguments), watcher(arguments))

    def agreed(plan: Plan) -> bool:
        say(plan_text(plan))
        if context.cloud is None:
            agree("Go on?", arguments)
        return True

    wishes = deploy.Wishes(arguments.service, arguments.lock_wait, frozenset(arguments.allow))
    plan, outcome = deploy.deploy(context, built, wishes, agreed=agreed)
    result, text = conclude(context, plan, outcome)
    if outcome is not None:
        built.prune()
    data(result, text, arguments)
    return 0


def _rehearse(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    if arguments.end:
        teardown.teardown_local(local_settings(root, config))
        return 0
    context, built = rehearsal_context(root, config, watcher(arguments))

    def agreed(plan: Plan) -> bool:
        say(plan_text(plan))
        return True

    kept = f"it runs on; `./deploy.py rehearse {config.environment.name} --end` ends it"
    try:
        plan, outcome = deploy.deploy(context, built, deploy.Wishes(), agreed=agreed)
        result, _ = conclude(context, plan, outcome)
    finally:
        if not arguments.keep:
            teardown.teardown_local(local_settings(root, config))
            kept = "nothing is left of it"
    text = f"{config.environment.name}: rehearsed in {result['seconds']:.0f} s on {result['url']}; {kept}"
    data(result, text, arguments)
    return 0


def _rollback(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)

    def agreed(plan: Plan, warnings: Sequence[str]) -> bool:
        say("\n".join([plan_text(plan), *(f"warning: {text}" for text in warnings)]))
        if context.cloud is None:
            agree("Go back?", arguments)
        return True

    plan, outcome = rollback.rollback(context, arguments.release, agreed=agreed)
    result, text = conclude(context, plan, outcome)
    data(result, text, arguments)
    return 0


def _recover(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)

    def agreed(found: Sequence[recover.Finding]) -> None:
        say("\n".join(f"{one.name} is {one.status}: {one.way.why}; {one.way.action}" for one in found))
        if context.cloud is None:
            agree("Go on?", arguments)

    done = recover.recover(context, agreed)
    half = recover.half_done(context)
    name = context.config.environment.name
    lines = done or ["every stack is in order"]
    if half is not None:
        lines.append(
            f"release {half['release']} did not end ({half['verdict']}): "
            f"`./deploy.py deploy {name}` finishes it, `./deploy.py rollback {name}` goes back"
        )
    data({"done": done, "half_done": half and half["release"]}, "\n".join(lines), arguments)
    return 0


def _plan(root: Path, arguments: Arguments) -> int:
    context, built = described_context(root, configuration(root, arguments), watcher(arguments))
    plan = deploy.prepare(context, built, only=arguments.service).plan
    data(plan_json(plan), plan_text(plan), arguments)
    return 1 if arguments.fail_on_changes and not plan.empty else 0


def _teardown(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    teardown.refuse_protected(config)
    if uses_local_cloud(config):
        settings = local_settings(root, config)
        if settings.state.exists():
            agree("This removes the local cloud and all its data. Go on?", arguments)
        removed = teardown.teardown_local(settings)
    else:
        context = opened(root, arguments, config)
        agree(f"This removes {config.environment.name} and all its data. Go on?", arguments)
        removed = teardown.teardown(context)
    text = "\n".join(f"removed {item}" for item in removed) or "there was nothing to remove"
    data({"environment": config.environment.name, "removed": removed}, text, arguments)
    return 0


def _bootstrap(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)
    changed = bootstrap.bootstrap(context)
    data({"changed": changed}, "the account is ready" if changed else "nothing to do", arguments)
    return 0


def _images(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    built = images.build(root, config, new_reporter(watcher(arguments)), postgres=uses_local_cloud(config))
    data(dict(built.tags), "\n".join(built.tags.values()), arguments)
    return 0


def _migrate(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments)
    wanted = migrate.Migration(arguments.to, arguments.sql, arguments.status)
    migrate.migrate(context, arguments.services, wanted, print)
    return 0


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
        say(f"the task failed: {result.cause}")
    return 1 if result.exit_code is None else result.exit_code


def _status(root: Path, arguments: Arguments) -> int:
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


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "bootstrap": _bootstrap,
    "deploy": _deploy,
    "images": _images,
    "logs": _logs,
    "migrate": _migrate,
    "new": _new,
    "plan": _plan,
    "recover": _recover,
    "rehearse": _rehearse,
    "releases": _releases,
    "rollback": _rollback,
    "run": _run,
    "status": _status,
    "teardown": _teardown,
    "token": _token,
}
