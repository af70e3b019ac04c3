"""`deploy`: images, stacks, migrations, services, verdict; in one pass, under the environment's lock."""

from __future__ import annotations

import getpass
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infra import naming, stacks
from infra.commands.bootstrap import ensure_account
from infra.commands.context import Context
from infra.commands.images import BuiltImages
from infra.commands.preflight import preflight
from infra.errors import EstaleiroError, Refused
from infra.execute import Execution
from infra.foresight import foreseen
from infra.graph import Outcome
from infra.plan import plan
from infra.revisions import migrated_to
from infra.snapshot import snapshot
from infra.stack_changes import STATEFUL
from infra.stacks.model import Stack
from infra.state import Lock, Owner, Releases
from infra.steps import Actual, Plan, UpdateStack

SMOKE_SECONDS = 60


@dataclass(frozen=True)
class Wishes:
    """What the command line asks of a deploy. `allow` names stateful resources that may be lost."""

    only: str | None = None
    lock_wait: float = 0
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prepared:
    """A plan and what it was made from."""

    desired: tuple[Stack, ...]
    actual: Actual
    plan: Plan


def prepare(context: Context, images: BuiltImages, *, only: str | None = None) -> Prepared:
    """Render, read what is there, and compare; nothing changes."""
    desired = tuple(_with_expiry(context, stack) for stack in stacks.environment(context.config, images.tags))
    missing = frozenset() if context.cloud else images.missing_in_registry(context.aws)
    actual = snapshot(context.aws, context.config, desired, missing_images=missing)
    steps = plan(context.config, desired, actual, only=only)
    return Prepared(desired, actual, foreseen(context.aws, context.config, steps, actual))


def deploy(
    context: Context, images: BuiltImages, wishes: Wishes, *, agreed: Callable[[Plan], bool]
) -> tuple[Plan, Outcome | None]:
    """Bring the environment to what the files say; `agreed` is asked once, with the plan, before anything changes.

    Returns the plan and its outcome, None when there was nothing to do. Raises EstaleiroError, Refused, Locked.
    """
    if wishes.only:
        context.config.service(wishes.only)
    ensure_account(context)
    release = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(2)
    with lock(context, f"deploy {context.config.environment.name}").held(
        wait_seconds=wishes.lock_wait, note=lambda text: context.reporter.tell("progress", "lock", text)
    ):
        prepared = prepare(context, images, only=wishes.only)
        preflight(context, prepared.desired, prepared.actual, prepared.plan)
        if prepared.plan.empty:
            return prepared.plan, None
        _gate(prepared.plan, wishes.allow)
        if not agreed(prepared.plan):
            raise Refused("nothing was changed")
        outcome = _execute(context, images, prepared, release)
    return prepared.plan, outcome


def lock(context: Context, command: str) -> Lock:
    """The lock of the environment, for a command of this process."""
    now = time.time()
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    owner = Owner(secrets.token_hex(8), who, command, since=now, renewed=now)
    environment = context.config.environment
    return Lock(context.bucket, environment.name, owner, lifetime=environment.deploy.lock_seconds)


def _execute(context: Context, images: BuiltImages, prepared: Prepared, release: str) -> Outcome:
    execution = Execution(
        aws=context.aws,
        config=context.config,
        reporter=context.reporter,
        actual=prepared.actual,
        release=release,
        smoke=lambda url: _smoke(context.edge_url({"edge": {"Url": url}})),
        push=lambda reference: images.push(context.aws, reference),
    )
    record = _record(context, images, prepared, release)
    releases = Releases(context.bucket, context.config.environment.name)
    releases.write(release, record | {"verdict": "running"})
    verdict, migrated = "interrupted", {}
    try:
        outcome = execution.run(prepared.plan)
        migrated = migrated_to(context.root, outcome.done)
        verdict = "failed" if outcome.failed or outcome.not_run else "good"
        return outcome
    finally:
        outputs = {part: dict(values) for part, values in execution.stacks.outputs.items()}
        releases.write(release, record | {"verdict": verdict, "outputs": outputs, "migrations": migrated})


def _record(context: Context, images: BuiltImages, prepared: Prepared, release: str) -> dict[str, Any]:
    return {
        "release": release,
        "environment": context.config.environment.model_dump(mode="json"),
        "images": dict(images.tags),
        "stacks": {
            stack.part: {
                "template": stack.template,
                "parameters": {key: str(value) for key, value in stack.parameters.items()},
            }
            for stack in prepared.desired
        },
        "steps": [step.id for step in prepared.plan.steps],
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _gate(steps: Plan, allow: frozenset[str]) -> None:
    """Nothing that holds data is lost unless it was named."""
    lost = [
        f"{step.stack.name}: {change.logical_id}"
        for step in steps.steps
        if isinstance(step, UpdateStack)
        for change in step.changes
        if change.action in ("remove", "replace")
        and change.type in STATEFUL
        and change.logical_id not in allow
    ]
    if lost:
        raise Refused(
            f"the plan would delete or replace what holds data: {', '.join(lost)}; nothing was changed. "
            "Name each with --allow LOGICAL_ID if you mean it"
        )


def _with_expiry(context: Context, stack: Stack) -> Stack:
    expires_after = context.config.environment.expires_after
    if stack.part != "network" or not expires_after:
        return stack
    amount, unit = int(expires_after[:-1]), expires_after[-1]
    end = datetime.now(UTC) + (timedelta(hours=amount) if unit == "h" else timedelta(days=amount))
    key = naming.expires_tag(context.config.environment.project)
    tags: Mapping[str, str] = {**stack.tags, key: end.isoformat(timespec="seconds")}
    return Stack(stack.part, stack.name, stack.template, stack.parameters, tags, stack.protected)


def _smoke(url: str) -> None:
    """One request through the edge; balancers need a moment to see new targets."""
    deadline = time.monotonic() + SMOKE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 (our own edge)
                if answer.status == 200:
                    return
                reason = f"status {answer.status}"
        except urllib.error.HTTPError as error:
            reason = f"status {error.code}"
        except OSError as error:
            reason = str(getattr(error, "reason", error))
        if time.monotonic() >= deadline:
            raise EstaleiroError(
                f"{url}/health did not answer within {SMOKE_SECONDS} s: {reason}; see `logs`"
            )
        time.sleep(0.5)


def next_commands(environment: str) -> Sequence[str]:
    """What a person types next."""
    suffix = "" if environment == "local" else f" {environment}"
    return (
        f"./deploy.py status{suffix}",
        f"./deploy.py logs{suffix} -f",
        f"./deploy.py token {environment} --scope 'movies:write reviews:write'",
    )
