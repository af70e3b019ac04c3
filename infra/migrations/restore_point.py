"""A copy of the data before a revision that takes some away: when it is wanted, what it is called, how it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra import naming
from infra.aws import Aws
from infra.aws.waiting import Clock, Sleep
from infra.config import Config
from infra.errors import EstaleiroError, NotFound
from infra.migrations.judgement import Verdict

DEADLINE_SECONDS = 3600

Outputs = Mapping[str, Mapping[str, str]]


def instances(config: Config, outputs: Outputs, verdict: Verdict) -> tuple[str, ...]:
    """Return the ids of the database instances whose data a restore point should hold, each once."""
    services = dict.fromkeys(reason.partition(" ")[0] for reason in verdict.restore_point)
    found = []
    for service in services:
        part = naming.database_part(service)
        own = outputs.get(part) or outputs.get("database", {})
        if "InstanceId" not in own:
            name = config.environment.name
            raise EstaleiroError(f"{name} has no database of {service} to take a restore point of")
        found.append(own["InstanceId"])
    return tuple(dict.fromkeys(found))


def snapshot_id(instance: str, release: str) -> str:
    """Return the name of an instance's copy before a release: letters, digits and single hyphens (CreateDBSnapshot)."""
    return f"{instance}-before-{release}".lower()


def take(
    aws: Aws, instance: str, release: str, tags: Mapping[str, str], *, clock: Clock, sleep: Sleep
) -> str:
    """Take the copy and wait until it can be restored; one that is there already is waited for. Return its name.

    Raises EstaleiroError: without the copy the revision must not run.
    """
    id = snapshot_id(instance, release)
    if aws.rds.snapshot(id) is None:
        try:
            aws.rds.create_snapshot(instance, id, tags)
        except NotFound as error:
            raise EstaleiroError(f"no restore point of {instance} can be taken: {error}") from error
    aws.rds.wait_snapshot(id, deadline_seconds=DEADLINE_SECONDS, clock=clock, sleep=sleep)
    return id


def since(records: Sequence[Mapping[str, Any]], release: str) -> tuple[str, ...]:
    """Return the restore points of the releases after `release`, oldest first: what its data can come back from."""
    later = [record for record in records if str(record.get("release", "")) > release]
    return tuple(point for record in later for point in record.get("restore_points", ()))
