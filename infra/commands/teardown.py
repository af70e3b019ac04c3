"""`teardown`: everything of an environment goes, in an order that AWS accepts, and can be called again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from infra import naming
from infra.aws import Aws
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.config import Config
from infra.errors import EstaleiroError, Refused
from infra.graph import run_graph
from infra.local import process as local
from infra.local.settings import Settings
from infra.snapshot import environment_stacks
from infra.stacks.draft import metadata_sources
from infra.stacks.model import Output
from infra.steps import Deployed


def teardown_local(settings: Settings) -> list[str]:
    """Remove the local cloud with all its data; return what was removed."""
    return local.destroy(settings)


def refuse_protected(config: Config) -> None:
    """Raise Refused for an environment that its file protects."""
    if config.environment.protected:
        raise Refused(
            f"{config.environment.name} is protected (protected = true in its file), so it is never torn down; "
            "nothing was changed"
        )


def teardown(context: Context) -> list[str]:
    """Delete the environment's stacks in reverse order of their references, then what they leave.

    Returns what was removed. Raises EstaleiroError naming what could not be, Refused, Locked.
    """
    refuse_protected(context.config)
    with lock(context, f"teardown {context.config.environment.name}").held():
        stacks = environment_stacks(context.aws, context.config)
        removed = _delete_stacks(context, stacks)
        removed += _delete_task_definitions(context.aws, context.config)
    left = environment_stacks(context.aws, context.config)
    if left:
        raise EstaleiroError(f"these stacks are still there: {', '.join(sorted(left))}; run teardown again")
    return removed


def deletion_order(stacks: Mapping[str, Deployed]) -> dict[str, frozenset[str]]:
    """For each part, the parts that must be gone before: those that use one of its outputs."""
    sources = {part: _sources(stack) for part, stack in stacks.items()}
    return {
        part: frozenset(user for user, used in sources.items() if part in used and user != part)
        for part in stacks
    }


def _sources(stack: Deployed) -> frozenset[str]:
    """The parts that feed a deployed stack, from the template's own record."""
    recorded = metadata_sources(json.loads(stack.template or "{}"))
    return frozenset(value.part for value in recorded.values() if isinstance(value, Output))


def _delete_stacks(context: Context, stacks: Mapping[str, Deployed]) -> list[str]:
    cloudformation = context.aws.cloudformation

    def delete(part: str) -> None:
        name = stacks[part].name
        context.reporter.tell("started", part)
        cloudformation.set_protection(name, False)
        cloudformation.delete_stack(name)
        cloudformation.wait(
            name,
            deadline_seconds=context.config.environment.deploy.stack_seconds,
            on_event=lambda event: context.reporter.tell(
                "progress", part, f"{event.logical_id} {event.status}"
            ),
        )
        context.reporter.tell("done", part)

    outcome = run_graph(deletion_order(stacks), delete)
    if outcome.failed:
        reasons = "; ".join(f"{part}: {error}" for part, error in outcome.failed.items())
        raise EstaleiroError(f"teardown is not complete: {reasons}; mend the cause and run teardown again")
    return [f"stack {stacks[part].name}" for part in outcome.done]


def _delete_task_definitions(aws: Aws, config: Config) -> list[str]:
    """Task definitions are retained by their stacks, so that a rollback finds them; here they go."""
    environment = config.environment
    removed = []
    for service in config.services:
        processes = (*service.processes, "provision", "migrate", "clients")
        for process in processes:
            family = naming.task_family(environment.project, environment.name, service.name, process)
            for status in ("ACTIVE", "INACTIVE"):
                for arn in aws.ecs.task_definitions(family, status=status):
                    if status == "ACTIVE":
                        aws.ecs.deregister_task_definition(arn)
                    removed.append(arn)
    if removed:
        aws.ecs.delete_task_definitions(tuple(dict.fromkeys(removed)))
    return [f"task definition {arn.rpartition('/')[2]}" for arn in dict.fromkeys(removed)]
