"""What a deploy asks of its migrations before it changes anything: that they disturb nobody, and a way back."""

from __future__ import annotations

import time
from collections.abc import Callable

from infra import naming
from infra.commands.context import Context
from infra.commands.serving import serving_heads
from infra.migrations import judgement as migrations
from infra.migrations import restore_point
from infra.migrations.applied import Applied
from infra.migrations.judgement import Verdict
from infra.snapshot import environment_stacks
from infra.steps import Plan, RunTask


def judged(context: Context, plan: Plan) -> Verdict:
    """Lint the revisions that the plan's migrate tasks would run.

    Raises Refused for what would disturb what serves, EstaleiroError when a revision cannot be read.
    """
    verdict = look(context, plan)
    verdict.refuse()
    return verdict


def look(context: Context, plan: Plan) -> Verdict:
    """The same without refusing."""
    due = [step.service for step in plan.steps if isinstance(step, RunTask) and step.task == "migrate"]
    heads = Applied(context.bucket, context.config.environment.name).heads()
    known = [service for service in due if service in heads]
    version = context.config.environment.database.version
    verdict = migrations.judge(context.root, known, heads, postgres=version)
    return verdict.serving(serving_heads(context, verdict.choosy))


def restore_points(
    context: Context, verdict: Verdict, release: str, *, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """Take a copy of every instance that loses data by these revisions; return their names for the release record."""
    environment = context.config.environment
    if not verdict.restore_point:
        return []
    outputs = {part: stack.outputs for part, stack in environment_stacks(context.aws, context.config).items()}
    tags = {naming.environment_tag(environment.project): environment.name}
    taken = []
    for instance in restore_point.instances(context.config, outputs, verdict):
        step = f"restore point of {instance}"
        context.reporter.tell("started", step, "; ".join(verdict.restore_point))
        taken.append(
            restore_point.take(context.aws, instance, release, tags, clock=time.monotonic, sleep=sleep)
        )
        context.reporter.tell("done", step, taken[-1])
    return taken
