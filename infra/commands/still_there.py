"""Whether everything that a release ran with is still there: its task definitions and its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra import naming
from infra.commands.context import Context
from infra.docker import Engine
from infra.errors import EstaleiroError, NotFound
from infra.state import Releases

# Of so many releases everything is kept, for a way back.
KEPT_RELEASES = 10

Record = Mapping[str, Any]


def require_all(context: Context, target: Record) -> None:
    """Raise EstaleiroError with everything of the release `target` that can no longer be run."""
    gone = [*_definitions(context, target), *_images(context, target)]
    if gone:
        commit = f"commit {target['commit']}" if target.get("commit") else "that commit"
        raise EstaleiroError(
            f"release {target['release']} cannot come back: {'; '.join(gone)}; deploy {commit} again instead"
        )


def kept_tags(context: Context) -> frozenset[str]:
    """Return the tags of every image that the last ten releases use."""
    releases = Releases(context.bucket, context.config.environment.name)
    records = map(releases.read, releases.ids()[-KEPT_RELEASES:])
    return frozenset(tag for record in records for tag in record.get("images", {}).values())


def _definitions(context: Context, target: Record) -> Iterator[str]:
    """A rollback runs the processes alone: what prepared the release has done its work."""
    for service in context.config.services:
        named = naming.task_definitions(target.get("parameters", {}).get(service.name, {}))
        for key, arn in named.items():
            if key.removesuffix(naming.TASK_DEFINITION).lower() in naming.ONE_OFF_TASKS:
                continue
            try:
                status = context.aws.ecs.task_definition(arn).get("status", "ACTIVE")
            except NotFound:
                status = "gone"
            if status != "ACTIVE":
                yield f"task definition {arn.rpartition('/')[2]} of {service.name} is {status}"


def _images(context: Context, target: Record) -> Iterator[str]:
    environment = context.config.environment
    repository, account = naming.repository(environment.project), environment.registry_account
    running = {service.name for service in context.config.services}
    for name, tag in sorted(target.get("images", {}).items()):
        if name not in running:
            continue
        if context.cloud is not None:
            reference = naming.image_reference(environment.project, account, environment.region, tag)
            there = Engine().has_image(reference)
        else:
            there = context.aws.ecr.has_image(repository, tag, registry=account)
        if not there:
            yield f"image {tag} is gone"
