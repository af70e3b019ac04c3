"""After a deploy: task definitions that no release within the last ten uses are taken away, never one that runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra import naming
from infra.commands.context import Context
from infra.commands.still_there import KEPT_RELEASES
from infra.errors import AwsError, NotFound
from infra.rollouts.retired import retired
from infra.snapshot import environment_stacks
from infra.state import Releases
from infra.steps import Deployed

STEP = "old task definitions"


def prune_task_definitions(context: Context, *, keep: int = KEPT_RELEASES) -> tuple[str, ...]:
    """Deregister and delete what is needed no more; return the ARNs. Only under the environment's lock.

    The release is deployed by then, so what AWS refuses here is told and fails nothing.
    """
    try:
        gone = _needless(context, keep)
        for arn in gone:
            context.aws.ecs.deregister_task_definition(arn)
        context.aws.ecs.delete_task_definitions(gone)
    except AwsError as error:
        context.reporter.tell("warning", STEP, f"they stay for now: {error}")
        return ()
    if gone:
        context.reporter.tell(
            "done", STEP, f"{len(gone)} deleted, which none of the last {keep} releases uses"
        )
    return gone


def _needless(context: Context, keep: int) -> tuple[str, ...]:
    environment = context.config.environment
    releases = Releases(context.bucket, environment.name)
    records = [releases.read(release) for release in releases.ids()[-keep:]]
    stacks = environment_stacks(context.aws, context.config)
    families = [
        naming.task_family(environment.project, environment.name, one.name, "")
        for one in context.config.services
    ]
    found = [arn for family in families for arn in context.aws.ecs.task_definitions(family)]
    candidates = retired(tuple(dict.fromkeys(found)), records, frozenset(_in_use(context, stacks)))
    return tuple(arn for arn in candidates if _is_ours(context, arn))


def _in_use(context: Context, stacks: Mapping[str, Deployed]) -> Iterator[str]:
    """What the stacks name, what services run or are about to, and what tasks of any kind run."""
    for stack in stacks.values():
        yield from naming.task_definitions(stack.outputs).values()
        yield from naming.task_definitions(stack.parameters).values()
    cluster = stacks["cluster"].outputs.get("ClusterName") if "cluster" in stacks else None
    if cluster is None:
        return
    ecs = context.aws.ecs
    for service in ecs.services(cluster, ecs.list_services(cluster)).values():
        yield service.task_definition
        yield from (deployment.task_definition for deployment in service.deployments)
    yield from (task.task_definition for task in ecs.tasks(cluster, ecs.list_tasks(cluster)))


def _is_ours(context: Context, arn: str) -> bool:
    """By its tag: a family's name may begin like that of another environment."""
    environment = context.config.environment
    try:
        tags = context.aws.ecs.task_definition(arn)["tags"]
    except NotFound:
        return False
    return bool(tags.get(naming.environment_tag(environment.project)) == environment.name)
