"""The commands that change what runs, or show what would change: from parsed words to calls and back to words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.commands import (
    bootstrap,
    data_gate,
    deploy,
    images,
    recover,
    rollback,
    teardown,
)
from infra.commands.context import Context, local_settings, new_reporter, uses_local_cloud
from infra.commands.deploying import (
    ROLLBACK,
    built_context,
    conclude,
    refuse_to_rehearse_local,
    rehearsal_context,
    with_soak,
)
from infra.commands.ending import end_local
from infra.commands.opening import configuration, opened
from infra.commands.still_there import kept_tags
from infra.commands.terminal import agree, data, keep, say, typed, watcher
from infra.pages.plan import plan_page
from infra.pages.release import release_page
from infra.report import plan_text
from infra.steps import Plan

Arguments = argparse.Namespace


def _deploy(root: Path, arguments: Arguments) -> int:
    context, built = built_context(root, configuration(root, arguments), watcher(arguments))

    def agreed(plan: Plan) -> bool:
        say(plan_text(plan))
        agree_to_deploy(context, plan, arguments)
        return True

    wishes = deploy.Wishes(
        arguments.service,
        arguments.lock_wait,
        frozenset(arguments.allow),
        arguments.skip_checks,
        arguments.at_once,
    )
    plan, outcome = deploy.deploy(context, built, wishes, agreed=agreed, kept=_page(arguments))
    result, text = conclude(context, plan, outcome)
    if outcome is not None:
        built.prune(kept_tags(context))
    elif arguments.html:
        keep(arguments.html, plan_page(plan))
    data(result, text, arguments)
    return 0


def agree_to_deploy(context: Context, plan: Plan, arguments: Arguments) -> None:
    """Ask, except on this machine; where data of a protected environment would go, for its name. Raises Refused."""
    environment, lost = context.config.environment, data_gate.lost(plan)
    if lost and environment.protected:
        what = f"{environment.name} is protected, and this deletes or replaces what holds data: {', '.join(lost)}."
        typed(what, environment.name, arguments.confirm)
    elif context.cloud is None:
        agree("Go on?", arguments)


def _page(arguments: Arguments) -> Callable[[deploy.Record], None]:
    """What becomes of a release record: a page, where one was asked for."""

    def kept(record: deploy.Record) -> None:
        if arguments.html:
            keep(arguments.html, release_page(record))

    return kept


def _rehearse(root: Path, arguments: Arguments) -> int:
    config = configuration(root, arguments)
    refuse_to_rehearse_local(config)
    if arguments.end:
        return end_local(root, arguments, config)
    if arguments.soak is not None:
        config = with_soak(config, arguments.soak)
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

    plan, outcome = rollback.rollback(context, arguments.release, agreed=agreed, kept=_page(arguments))
    result, text = conclude(context, plan, outcome, ROLLBACK)
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


COMMANDS: dict[str, Callable[[Path, Arguments], int]] = {
    "bootstrap": _bootstrap,
    "deploy": _deploy,
    "images": _images,
    "recover": _recover,
    "rehearse": _rehearse,
    "rollback": _rollback,
}
