"""The words and the calls of the commands by which environments end or rest; kept apart from those by which they live."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from infra.commands import teardown
from infra.commands.context import Context, local_settings, new_reporter, open_context, uses_local_cloud
from infra.commands.terminal import agree, agree_by_name, data, say, watcher
from infra.config import Config, environment_names, load
from infra.teardown import report
from infra.teardown.guard import refuse_disguise

Arguments = argparse.Namespace
NewCommand = Callable[[str, str], argparse.ArgumentParser]


def add_words(new: NewCommand) -> None:
    """Add the words of these commands; `new` makes a command of a name and its help."""
    ends = new("teardown", "remove the environment and everything in it, and prove it")
    ends.add_argument("--plan", action="store_true", help="show what would go and stay; nothing changes")
    ends.add_argument("--yes", action="store_true", help="remove without asking")


def _configuration(root: Path, arguments: Arguments) -> Config:
    refuse_disguise(arguments.environment, arguments.like, environment_names(root))
    return load(root, arguments.environment, like=arguments.like)


def _opened(root: Path, arguments: Arguments, config: Config) -> Context:
    return open_context(root, config, new_reporter(watcher(arguments)))


def _teardown(root: Path, arguments: Arguments) -> int:
    config = _configuration(root, arguments)
    if arguments.plan:
        prepared = teardown.prepare(_opened(root, arguments, config))
        shown = report.plan_json(prepared.plan, prepared.bill)
        data(shown, report.plan_text(prepared.plan, prepared.bill), arguments)
        return 0
    teardown.refuse_protected(config)
    if uses_local_cloud(config):
        return _teardown_local(root, arguments, config)
    context = _opened(root, arguments, config)
    name = config.environment.name

    def agreed(prepared: teardown.Prepared) -> None:
        say(report.plan_text(prepared.plan, prepared.bill))
        if any(stack.guarded for stack in prepared.inventory.stacks.values()):
            agree_by_name(
                f"{name} was protected when it was deployed. This removes it and all its data.", name
            )
        else:
            agree(f"This removes {name} and all its data. Go on?", arguments)

    ended = teardown.teardown(context, agreed=agreed)
    value = {"environment": name, "done": list(ended.done), "audit": report.audit_json(ended.audit)}
    data(value, report.audit_text(name, ended.audit), arguments)
    return 0 if ended.audit.clean else 1


def _teardown_local(root: Path, arguments: Arguments, config: Config) -> int:
    settings = local_settings(root, config)
    if settings.state.exists():
        agree("This removes the local cloud and all its data. Go on?", arguments)
    removed = teardown.teardown_local(settings)
    text = "\n".join(f"removed {item}" for item in removed) or "there was nothing to remove"
    data({"environment": config.environment.name, "removed": removed}, text, arguments)
    return 0


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {"teardown": _teardown}
