"""What a deploy leaves in the state bucket: what it meant to do, what came of it, and what a rollback needs."""

from __future__ import annotations

import getpass
import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.commands.context import Context
from infra.execute import Execution
from infra.migrations.revisions import heads
from infra.snapshot import environment_stacks
from infra.stacks.model import Stack
from infra.steps import Plan


def new_release() -> str:
    """Return an id that sorts by time."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + secrets.token_hex(2)


def intention(
    context: Context, images: Mapping[str, str], stacks: Sequence[Stack], plan: Plan, release: str
) -> dict[str, Any]:
    """Return what is known before anything changes."""
    return {
        "release": release,
        "environment": context.config.environment.model_dump(mode="json"),
        "images": dict(images),
        "templates": {stack.part: stack.template for stack in stacks},
        "steps": [step.id for step in plan.steps],
        "migrations": {
            service.name: list(heads(context.root, service.name))
            for service in context.config.services
            if service.database
        },
        "who": f"{getpass.getuser()}@{socket.gethostname()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def results(context: Context, execution: Execution) -> dict[str, Any]:
    """Return what is there afterwards: the parameters of every stack, task definitions among them."""
    deployed = environment_stacks(context.aws, context.config)
    return {
        "parameters": {part: dict(stack.parameters) for part, stack in deployed.items()},
        "outputs": {part: dict(values) for part, values in execution.stacks.outputs.items()},
        "seconds": round(context.reporter.seconds, 1),
    }
