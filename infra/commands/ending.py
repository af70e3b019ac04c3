"""The words and the calls of the commands by which environments end or rest; kept apart from those by which they live."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from infra import naming
from infra.commands import lifetimes, reaper, sleeping, teardown
from infra.commands.context import Context, local_settings, uses_local_cloud
from infra.commands.lives import overview_text, reaped_line
from infra.commands.opening import configuration, opened
from infra.commands.terminal import agree, agree_by_name, data, say
from infra.config import Config
from infra.errors import ConfigurationError
from infra.report import amount
from infra.stacks.reaper import EVERY_MINUTES
from infra.teardown import report

Arguments = argparse.Namespace
NewCommand = Callable[[str, str], argparse.ArgumentParser]


def add_words(new: NewCommand) -> None:
    """Add the words of these commands; `new` makes a command of a name and its help."""
    ends = new("teardown", "remove the environment and everything in it, and prove it")
    ends.add_argument("--plan", action="store_true", help="show what would go and stay; nothing changes")
    ends.add_argument("--yes", action="store_true", help="remove without asking")
    longer = new("extend", "put the end of the environment off")
    longer.add_argument(
        "--by", default="24h", metavar="TIME", help="hours or days, as 72h or 7d (default: 24h)"
    )
    reaps = new("reap", "tear down what has ended in the environment's account; by itself it only says so")
    reaps.add_argument("--yes", action="store_true", help="do it")
    how = reaps.add_mutually_exclusive_group()
    how.add_argument(
        "--schedule", action="store_true", help="let the account do it by itself: make or update its reaper"
    )
    how.add_argument("--unschedule", action="store_true", help="remove the account's reaper")
    new("sleep", "bring services and hosts to zero and stop the databases; the data stays")
    new("wake", "bring a sleeping environment back as it was")


def _teardown(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    if uses_local_cloud(config):
        teardown.refuse_protected(config)
        return (_plan_local if arguments.plan else _teardown_local)(root, arguments, config)
    if arguments.plan:
        prepared = teardown.prepare(opened(root, arguments, config))
        shown = report.plan_json(prepared.plan, prepared.bill)
        data(shown, report.plan_text(prepared.plan, prepared.bill), arguments)
        return 0
    teardown.refuse_protected(config)
    context = opened(root, arguments, config)
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


def _plan_local(root: Path, arguments: Arguments, config: Config) -> int:
    name = config.environment.name
    things = teardown.local_things(local_settings(root, config))
    data({"environment": name, "things": things}, report.local_plan_text(name, things), arguments)
    return 0


def _teardown_local(root: Path, arguments: Arguments, config: Config) -> int:
    settings = local_settings(root, config)
    if settings.state.exists():
        agree("This removes the local cloud and all its data. Go on?", arguments)
    return end_local(root, arguments, config)


def end_local(root: Path, arguments: Arguments, config: Config) -> int:
    """Remove a local cloud with all its data, unasked, and tell what went."""
    removed = teardown.teardown_local(local_settings(root, config))
    value = {"environment": config.environment.name, "removed": removed}
    data(value, report.removed_text(removed), arguments)
    return 0


def _extend(root: Path, arguments: Arguments) -> int:
    if not re.fullmatch(r"[1-9]\d*[hd]", arguments.by):
        raise ConfigurationError(f"--by: should be hours or days, as 72h or 7d (is {arguments.by!r})")
    config = configuration(root, arguments)
    end = lifetimes.extend(opened(root, arguments, config), arguments.by)
    value = {"environment": config.environment.name, "expires": end.isoformat(timespec="seconds")}
    data(value, f"{config.environment.name} now ends on {end:%Y-%m-%d at %H:%M} UTC", arguments)
    return 0


def _reap(root: Path, arguments: Arguments) -> int:
    context = opened(root, arguments, configuration(root, arguments))
    if arguments.schedule or arguments.unschedule:
        return _schedule(context, arguments)
    found = lifetimes.reap(context, act=arguments.yes, tell=lambda due: say(reaped_line(due, arguments.yes)))
    value = [{**asdict(due.verdict), "did": due.did, "failed": due.failed} for due in found]
    due = sum(one.verdict.action == "reap" for one in found)
    hint = "" if arguments.yes or not due else "; nothing was changed: add --yes to end them"
    data(value, f"{amount(len(found), 'environment')}, {due} of them ended{hint}", arguments)
    return 1 if any(one.failed for one in found) else 0


def _schedule(context: Context, arguments: Arguments) -> int:
    environment = context.config.environment
    name, account = naming.reaper_stack_name(environment.project), environment.account
    if arguments.unschedule:
        agree(f"This removes {name}: nothing ends by itself in account {account} any more. Go on?", arguments)
        changed = reaper.unschedule(context)
        text = f"{name} is gone" if changed else f"there is no {name}; nothing to do"
    else:
        agree(f"From now on {name} ends by itself what is due in account {account}. Go on?", arguments)
        changed = reaper.schedule(context)
        text = f"{name} runs every {EVERY_MINUTES} minutes" + ("" if changed else "; nothing to change")
    data({"stack": name, "changed": changed}, text, arguments)
    return 0


def _sleep(root: Path, arguments: Arguments) -> int:
    done = sleeping.sleep(opened(root, arguments, configuration(root, arguments)))
    data({"environment": arguments.environment, "done": done}, done, arguments)
    return 0


def _wake(root: Path, arguments: Arguments) -> int:
    done = sleeping.wake(opened(root, arguments, configuration(root, arguments)))
    data({"environment": arguments.environment, "done": done}, done, arguments)
    return 0


def show_all(root: Path, arguments: Arguments) -> int:
    """`status --all`: the environments of the account instead of what runs in one."""
    found = lifetimes.overview(opened(root, arguments, configuration(root, arguments)))
    data(found, overview_text(found, datetime.now(UTC)), arguments)
    return 0


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "extend": _extend,
    "reap": _reap,
    "sleep": _sleep,
    "teardown": _teardown,
    "wake": _wake,
}
