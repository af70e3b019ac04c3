"""What a deploy looks at before it changes anything: the fast checks; one that fails stops it."""

from __future__ import annotations

from infra.checks import FAST, check, failures
from infra.checks.facts import Facts
from infra.checks.report import failed_text
from infra.commands.context import Context
from infra.errors import Refused
from infra.evidence import fast
from infra.migrations.applied import Applied
from infra.stacks.model import Stack
from infra.steps import Actual, Plan


def preflight(context: Context, desired: tuple[Stack, ...], actual: Actual, plan: Plan) -> None:
    """Run the fast checks. Raises Refused with every one that fails, its reason and its fix."""
    failed = failures(check(facts(context, desired, actual, plan), FAST))
    if failed:
        name = context.config.environment.name
        raise Refused(f"{failed_text(name, failed)}\nnothing was changed")


def facts(context: Context, desired: tuple[Stack, ...], actual: Actual, plan: Plan) -> Facts:
    """Gather what the fast checks look at."""
    applied = Applied(context.bucket, context.config.environment.name)
    return fast(context.aws, context.config, desired, actual, plan, root=context.root, applied=applied)
