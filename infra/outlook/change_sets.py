"""Asks CloudFormation what each planned update would do, by change sets that are deleted again; nothing changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from infra import naming
from infra.aws import Aws
from infra.aws.cloudformation import Change
from infra.config import Config
from infra.errors import AwsError
from infra.outlook.recreation import with_replacements
from infra.plan import parameter_values
from infra.steps import Actual, Plan, Step, UpdateStack

WORKERS = 6


def foreseen(aws: Aws, config: Config, plan: Plan, actual: Actual) -> Plan:
    """Return the plan with what change sets say of replacements.

    Raises AwsError where CloudFormation refuses an update whose parameters are all known.
    """
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        steps = pool.map(lambda step: _foreseen(aws, config, step, actual), plan.steps)
        return replace(plan, steps=tuple(steps))


def _foreseen(aws: Aws, config: Config, step: Step, actual: Actual) -> Step:
    # A second update of the same stack begins where the first has ended, so nothing can be asked about it yet.
    if not isinstance(step, UpdateStack) or step.id != step.stack.part:
        return step
    deployed = actual.stacks[step.stack.part]
    values, _ = parameter_values(step.stack, actual, frozenset())
    if not deployed.status.endswith("_COMPLETE") or set(values) != set(step.stack.parameters):
        return step
    return replace(step, changes=with_replacements(step.changes, _changes(aws, config, step, values)))


def _changes(aws: Aws, config: Config, step: UpdateStack, values: dict[str, str]) -> tuple[Change, ...]:
    """What is known after deploy stands for its present value."""
    environment = config.environment
    try:
        change_set = aws.cloudformation.create_change_set(
            step.stack.name,
            template=step.stack.template,
            parameters=values,
            tags=step.stack.tags,
            kind="UPDATE",
            description="made by a plan, to be deleted",
            bucket=naming.state_bucket(environment.project, environment.account, environment.region),
        )
    except AwsError:
        # With a value that is about to change, a refusal says nothing about the real update.
        if step.unknown:
            return ()
        raise
    if not change_set.empty:
        aws.cloudformation.delete_change_set(change_set)
    return change_set.changes
