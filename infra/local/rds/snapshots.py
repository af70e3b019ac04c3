"""DB snapshots: a record in MiniStack's store and a copy of the instance's volume."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.local import engine
from infra.local.rds import containers, place
from infra.local.rds.place import Record
from infra.local.rds.records import RdsError


def take(identifier: str, record: Record, tags: Iterable[dict[str, str]] = ()) -> Record:
    """Copy the volume while its server stands still, and record the snapshot."""
    from ministack.services import rds

    if identifier in rds._snapshots:
        raise RdsError(
            "DBSnapshotAlreadyExists",
            f"Cannot create the snapshot because a snapshot with the identifier {identifier} already exists.",
        )
    name = record["DBInstanceIdentifier"]
    container = containers.find(name)
    frozen = container if container is not None and container.status == "running" else None
    if frozen is not None:
        engine.client().api.pause(frozen.id)
    try:
        containers.copy_volume(place.volume_name(name), place.snapshot_volume(identifier), name)
    finally:
        if frozen is not None:
            engine.client().api.unpause(frozen.id)
    made: Record = rds._create_snapshot_internal(identifier, record)
    made["_instance"] = {key: value for key, value in record.items() if not key.startswith("_")}
    made["_MasterUserPassword"] = record["_MasterUserPassword"]
    inherited = record["TagList"] if record.get("CopyTagsToSnapshot") else []
    made["TagList"] = rds._tags[made["DBSnapshotArn"]] = [*inherited, *tags]
    return made


def find(identifier: str) -> Record:
    """Return a snapshot's record; raise `RdsError` when there is none."""
    from ministack.services import rds

    found: Record | None = rds._snapshots.get(identifier.rpartition(":")[2])
    if found is None:
        raise RdsError("DBSnapshotNotFound", f"DBSnapshot {identifier} not found.", 404)
    return found


def delete(identifier: str) -> Record:
    """Remove the copy and the record."""
    from ministack.services import rds

    found = find(identifier)
    containers.remove_volume(place.snapshot_volume(found["DBSnapshotIdentifier"]))
    rds._tags.pop(found["DBSnapshotArn"], None)
    rds._snapshots.pop(found["DBSnapshotIdentifier"], None)
    return found | {"Status": "deleted"}


def unfold(found: dict[str, Any], identifier: str) -> None:
    """Copy the snapshot into the volume that the new instance will start on."""
    containers.copy_volume(
        place.snapshot_volume(found["DBSnapshotIdentifier"]), place.volume_name(identifier), identifier
    )
