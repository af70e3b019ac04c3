"""Nothing that holds data is lost unless somebody named it; and then a copy of it is made and waited for first."""

from __future__ import annotations

import time
from collections.abc import Iterator

from infra import naming
from infra.commands.context import Context
from infra.data_loss import losses
from infra.differences import ResourceChange
from infra.errors import EstaleiroError, Refused
from infra.migrations import restore_point
from infra.steps import Plan, UpdateStack

DATABASE = "AWS::RDS::DBInstance"


def refuse_losses(plan: Plan, allow: frozenset[str]) -> None:
    """Raise Refused with everything that the plan would delete or replace and that `allow` does not name."""
    named = [
        f"{step.stack.name}: {change.logical_id}"
        for step, change in _lost(plan)
        if change.logical_id not in allow
    ]
    if named:
        raise Refused(
            f"the plan would delete or replace what holds data: {', '.join(named)}; nothing was changed. "
            "Name each with --allow LOGICAL_ID if you mean it"
        )


def lost(plan: Plan) -> tuple[str, ...]:
    """Return everything with data that the plan deletes or replaces, by logical id."""
    return tuple(change.logical_id for _, change in _lost(plan))


def copies(context: Context, plan: Plan, release: str) -> list[str]:
    """Take a snapshot of every database instance that the plan is allowed to lose; return their names.

    Raises EstaleiroError: without the copy the instance must not go.
    """
    environment, taken = context.config.environment, []
    for step, change in _lost(plan):
        if change.type != DATABASE:
            continue
        found = {
            one.logical_id: one.physical_id for one in context.aws.cloudformation.resources(step.stack.name)
        }
        if change.logical_id not in found:
            raise EstaleiroError(
                f"{step.stack.name} has no {change.logical_id} to take a copy of; run `plan` again"
            )
        name = f"copy of {found[change.logical_id]}"
        context.reporter.tell("started", name, f"before it is {change.action}d")
        tags = {naming.environment_tag(environment.project): environment.name}
        taken.append(
            restore_point.take(
                context.aws,
                found[change.logical_id],
                release,
                tags,
                clock=time.monotonic,
                sleep=time.sleep,
            )
        )
        context.reporter.tell("done", name, taken[-1])
    return taken


def _lost(plan: Plan) -> Iterator[tuple[UpdateStack, ResourceChange]]:
    for step in plan.steps:
        if isinstance(step, UpdateStack):
            yield from ((step, change) for change in losses(step.changes))
