"""What a deploy leaves in the state bucket: what it meant to do, what came of it, and what a rollback needs."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.commands.context import Context
from infra.commands.digests import digests
from infra.execute import Execution
from infra.git import commit
from infra.graph import Outcome
from infra.migrations.revisions import heads
from infra.snapshot import environment_stacks
from infra.stacks.model import Stack
from infra.state import Releases
from infra.steps import Plan
from infra.timeline import spans, spans_json
from infra.who import user


def new_release() -> str:
    """Return an id that sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(2)


def intention(
    context: Context, images: Mapping[str, str], stacks: Sequence[Stack], plan: Plan, release: str
) -> dict[str, Any]:
    """Return what is known before anything changes."""
    return {
        "environment": context.config.environment.model_dump(mode="json"),
        "services": {one.name: one.model_dump(mode="json") for one in context.config.services},
        "commit": commit(context.root),
        "images": dict(images),
        "templates": {stack.part: stack.template for stack in stacks},
        "migrations": {
            service.name: list(heads(context.root, service.name))
            for service in context.config.services
            if service.database
        },
        **begun(plan, release),
    }


def begun(plan: Plan, release: str) -> dict[str, Any]:
    """Return what every record begins with: its id, its steps, who and when."""
    return {
        "release": release,
        "steps": [step.id for step in plan.steps],
        "who": f"{user()}@{socket.gethostname()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def unproven(releases: Releases) -> frozenset[str]:
    """Return the verdicts and the smoke tests that were planned since the last good release and never came out well.

    What was deployed then may run, but nobody has shown that it does.
    """
    left: set[str] = set()
    proven: set[str] = set()
    for release in reversed(releases.ids()):
        record = releases.read(release)
        if record.get("verdict") == "good" and not record.get("only"):
            break
        proven |= set(record.get("done", ()))
        left |= {
            step for step in record.get("steps", ()) if step.endswith((" verdict", "smoke test"))
        } - proven
    return frozenset(left)


def results(
    context: Context, execution: Execution, outcome: Outcome | None, images: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is there afterwards: images by digest, each stack's template and parameters, task definitions among them."""
    deployed = environment_stacks(context.aws, context.config)
    return {
        "digests": digests(context, images),
        "templates": {part: stack.template for part, stack in deployed.items()},
        "parameters": {part: dict(stack.parameters) for part, stack in deployed.items()},
        "outputs": {part: dict(values) for part, values in execution.stacks.outputs.items()},
        "done": list(outcome.done) if outcome else [],
        "failures": {step: str(error) for step, error in outcome.failed.items()} if outcome else {},
        "not_run": list(outcome.not_run) if outcome else [],
        "timeline": spans_json(spans(context.reporter.ends, context.reporter.seconds)),
        "seconds": round(context.reporter.seconds, 1),
    }
