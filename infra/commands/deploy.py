"""`deploy`: images, stacks, migrations, services, verdict; in one pass, under the environment's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from infra import stacks
from infra.commands import data_gate, migration_gate
from infra.commands.bootstrap import ensure_account
from infra.commands.context import Context
from infra.commands.images import BuiltImages
from infra.commands.lifetimes import tags as lifetime_tags
from infra.commands.locking import lock
from infra.commands.preflight import preflight
from infra.commands.pruning import prune_task_definitions
from infra.commands.record import intention, new_release, results, unproven
from infra.commands.sleeping import wake_under_lock
from infra.commands.smoke import smoke
from infra.config import Config
from infra.errors import EstaleiroError, Interrupted, LeftAtOnce, Refused
from infra.execute import AT_ONCE, Execution
from infra.fleet import images as host_images
from infra.graph import Outcome
from infra.interruption import listening
from infra.migrations.applied import Applied
from infra.migrations.judgement import Verdict
from infra.outlook.change_sets import foreseen
from infra.plan import plan
from infra.snapshot import snapshot
from infra.stacks.material import operator_scopes
from infra.stacks.model import Stack
from infra.state import Releases
from infra.steps import Actual, Plan

Record = Mapping[str, Any]
STOPPING = "rolling back what is in flight; ask once more to leave at once"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks of a deploy. `allow` names stateful resources that may be lost."""

    only: str | None = None
    lock_wait: float = 0
    allow: frozenset[str] = frozenset()
    skip_checks: bool = False
    at_once: int = AT_ONCE


@dataclass(frozen=True)
class Prepared:
    """A plan and what it was made from."""

    desired: tuple[Stack, ...]
    actual: Actual
    plan: Plan


def prepare(context: Context, images: BuiltImages, *, only: str | None = None) -> Prepared:
    """Render, read what is there, and compare; nothing changes."""
    desired = tuple(
        _with_lifetime(context, stack) for stack in stacks.environment(context.config, images.tags)
    )
    missing = frozenset() if context.cloud else images.missing_in_registry(context.aws)
    actual = snapshot(context.aws, context.config, desired, missing_images=missing)
    actual = replace(actual, unproven=unproven(Releases(context.bucket, context.config.environment.name)))
    _warn_of_old_hosts(context, actual)
    steps = plan(context.config, desired, actual, only=only)
    return Prepared(desired, actual, foreseen(context.aws, context.config, steps, actual))


def _warn_of_old_hosts(context: Context, actual: Actual) -> None:
    """The hosts' image changes by `hosts update` alone, so somebody has to be reminded."""
    image = actual.resolved.get("host-image")
    if image is None or context.cloud is not None:
        return
    text = host_images.warning(context.aws, context.config.environment, image, datetime.now(UTC))
    if text:
        context.reporter.tell("warning", "hosts", text)


def deploy(
    context: Context,
    images: BuiltImages,
    wishes: Wishes,
    *,
    agreed: Callable[[Plan], bool],
    kept: Callable[[Record], None] = lambda record: None,
) -> tuple[Plan, Outcome | None]:
    """Bring the environment to what the files say; `agreed` is asked once, with the plan, before anything changes.

    `kept` gets the release record at its end, however that came. Returns the plan and its outcome, None when there was
    nothing to do. Raises EstaleiroError, Refused, Locked.
    """
    if wishes.only:
        context.config.service(wishes.only)
    ensure_account(context)
    with lock(context, f"deploy {context.config.environment.name}").held(wait_seconds=wishes.lock_wait):
        wake_under_lock(context)
        prepared = prepare(context, images, only=wishes.only)
        if not wishes.skip_checks:
            preflight(context, prepared.desired, prepared.actual, prepared.plan)
        if prepared.plan.empty:
            return prepared.plan, None
        revisions = _past_the_gates(context, prepared.plan, wishes.allow, agreed)
        release = new_release()
        points = data_gate.copies(context, prepared.plan, release)
        points += migration_gate.restore_points(context, revisions, release)
        execution = _execution(context, images, prepared, release, at_once=wishes.at_once)
        record = intention(context, images.tags, prepared.desired, prepared.plan, release)
        record |= {"restore_points": points, "only": wishes.only}
        outcome = carry_out(context, execution, prepared.plan, record, kept=kept)
        prune_task_definitions(context)
    return prepared.plan, outcome


def _past_the_gates(
    context: Context, plan: Plan, allow: frozenset[str], agreed: Callable[[Plan], bool]
) -> Verdict:
    """Return what the plan's migrations are; raises Refused where data, those who are served, or a person say no."""
    data_gate.refuse_losses(plan, allow)
    revisions = migration_gate.judged(context, plan)
    if not agreed(plan):
        raise Refused("nothing was changed")
    return revisions


def _execution(
    context: Context, images: BuiltImages, prepared: Prepared, release: str, *, at_once: int
) -> Execution:
    return Execution(
        aws=context.aws,
        config=context.config,
        reporter=context.reporter,
        actual=prepared.actual,
        release=release,
        smoke=lambda url: smoke(context.edge_url({"edge": {"Url": url}})),
        push=lambda reference: images.push(context.aws, reference),
        migrated=Applied(context.bucket, context.config.environment.name).note,
        at_once=at_once,
    )


def carry_out(
    context: Context,
    execution: Execution,
    plan: Plan,
    record: Record,
    *,
    kept: Callable[[Record], None] = lambda record: None,
) -> Outcome:
    """Execute a plan and keep its record, whatever happens; `kept` gets the record at its end.

    Raises Interrupted after a stop: the first request rolls back what is in flight, the second leaves at once.
    """
    releases, stop = Releases(context.bucket, context.config.environment.name), execution.stop
    releases.write(execution.release, {**record, "verdict": "running"})

    def keep(verdict: str, outcome: Outcome | None) -> None:
        came = results(context, execution, outcome, record.get("images", {}))
        whole = {**record, "verdict": verdict, **came}
        releases.write(execution.release, whole)
        kept(whole)

    try:
        with listening(stop, lambda: context.reporter.tell("progress", "stop", STOPPING)):
            outcome = execution.run(plan)
    except BaseException as error:
        left = ", ".join(sorted(execution.in_flight)) or "nothing"
        with suppress(EstaleiroError):  # where AWS is out of reach, too, who leaves is let go
            keep("interrupted", None)
        if not isinstance(error, KeyboardInterrupt):
            raise
        raise LeftAtOnce(f"left at once; still in progress: {left}. Deploy again to go on") from None
    failed = outcome.failed or outcome.not_run
    keep("interrupted" if stop.requested else "failed" if failed else "good", outcome)
    if stop.requested:
        raise Interrupted(_undone(outcome))
    return outcome


def _undone(outcome: Outcome) -> str:
    done = ", ".join(outcome.done) or "nothing"
    back = ", ".join(outcome.failed) or "nothing was in flight"
    return f"stopped, as you asked. Done before: {done}. Rolled back: {back}. Deploy again to go on"


def _with_lifetime(context: Context, stack: Stack) -> Stack:
    """The network stack's tags say how long the environment lives, and whose it is."""
    if stack.part != "network":
        return stack
    return replace(stack, tags={**stack.tags, **lifetime_tags(context)})


def next_commands(config: Config) -> Sequence[str]:
    """What a person types next."""
    environment = config.environment.name
    suffix = "" if environment == "local" else f" {environment}"
    scopes = " ".join(scope for scope in operator_scopes(config) if scope.endswith(":write"))
    return (
        f"./deploy.py status{suffix}",
        f"./deploy.py logs{suffix} -f",
        *((f"./deploy.py token {environment} --scope '{scopes}'",) if scopes else ()),
    )
