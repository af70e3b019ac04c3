"""Database instances and their snapshots; what holds data is stopped, started and copied here, never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient
from infra.aws.failures import TIMED_OUT, is_passing
from infra.aws.waiting import Clock, Sleep, attempts
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class DatabaseInstance:
    """An instance. `master_secret` is the ARN of its managed password; storage in GiB."""

    id: str
    arn: str
    status: str
    engine_version: str = ""
    instance_class: str = ""
    storage: int = 0
    address: str | None = None
    port: int | None = None
    multi_az: bool = False
    protected: bool = False
    encrypted: bool = False
    master_secret: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A copy of an instance at one time. `kind`: manual or automated."""

    id: str
    instance: str
    status: str
    kind: str = ""
    created: datetime | None = None
    storage: int = 0
    arn: str = ""


class Rds:
    """One account's databases in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("rds", make)

    def instance(self, id: str) -> DatabaseInstance | None:
        """Return an instance, None where there is none."""
        try:
            found = self._client.call("describe_db_instances", DBInstanceIdentifier=id).get("DBInstances")
        except NotFound:
            return None
        return _instance(found[0]) if found else None

    def stop(self, id: str) -> None:
        """Stop an instance; RDS starts it again by itself after seven days. One that is stopped is fine."""
        self._unless_state("stop_db_instance", id, "stopped", "stopping")

    def start(self, id: str) -> None:
        """Start a stopped instance; one that runs is fine."""
        self._unless_state("start_db_instance", id, "available", "starting")

    def clear_protection(self, id: str) -> None:
        """Let an instance be deleted. Raises NotFound."""
        self._client.call(
            "modify_db_instance", DBInstanceIdentifier=id, DeletionProtection=False, ApplyImmediately=True
        )

    def create_snapshot(self, instance: str, snapshot: str, tags: Mapping[str, str]) -> None:
        """Begin a snapshot of an instance; `wait_snapshot` sees it through. Raises NotFound."""
        self._client.call(
            "create_db_snapshot",
            DBInstanceIdentifier=instance,
            DBSnapshotIdentifier=snapshot,
            Tags=spelling.to_aws(tags),
        )

    def snapshot(self, id: str) -> Snapshot | None:
        """Return a snapshot, None where there is none."""
        try:
            found = self._client.call("describe_db_snapshots", DBSnapshotIdentifier=id).get("DBSnapshots")
        except NotFound:
            return None
        return _snapshot(found[0]) if found else None

    def snapshots(self, instance: str | None = None, *, kind: str = "manual") -> tuple[Snapshot, ...]:
        """Return the snapshots of one instance, or of all, oldest first."""
        more = {"DBInstanceIdentifier": instance} if instance else {}
        found = [
            _snapshot(entry)
            for entry in self._client.items("describe_db_snapshots", "DBSnapshots", SnapshotType=kind, **more)
        ]
        return tuple(sorted(found, key=lambda one: (one.created.timestamp() if one.created else 0.0, one.id)))

    def wait_snapshot(self, id: str, *, deadline_seconds: float, clock: Clock, sleep: Sleep) -> Snapshot:
        """Return the snapshot when it can be restored. Raises NotFound, AwsError when it fails or takes too long."""
        for _ in attempts(deadline_seconds, clock=clock, sleep=sleep):
            try:
                found = self.snapshot(id)
            except AwsError as error:
                if not is_passing(error):
                    raise
                continue
            if found is None:
                raise NotFound(
                    f"snapshot {id} is not there any more; take it again", code="DBSnapshotNotFound"
                )
            if found.status == "available":
                return found
            if found.status == "failed":
                raise AwsError(
                    f"snapshot {id} failed; look at the instance's events and take it again", code="failed"
                )
        raise AwsError(f"snapshot {id} was not ready after {deadline_seconds:.0f} s", code=TIMED_OUT)

    def delete_snapshot(self, id: str) -> None:
        """Delete a snapshot; none is fine."""
        try:
            self._client.call("delete_db_snapshot", DBSnapshotIdentifier=id)
        except NotFound:
            return

    def _unless_state(self, operation: str, id: str, *states: str) -> None:
        try:
            self._client.call(operation, DBInstanceIdentifier=id)
        except AwsError as error:
            found = self.instance(id) if "InvalidDBInstanceState" in error.code else None
            if found is None or found.status not in states:
                raise


def _instance(entry: Mapping[str, Any]) -> DatabaseInstance:
    endpoint = entry.get("Endpoint") or {}
    return DatabaseInstance(
        id=entry["DBInstanceIdentifier"],
        arn=entry.get("DBInstanceArn") or "",
        status=entry.get("DBInstanceStatus") or "",
        engine_version=entry.get("EngineVersion") or "",
        instance_class=entry.get("DBInstanceClass") or "",
        storage=entry.get("AllocatedStorage") or 0,
        address=endpoint.get("Address"),
        port=endpoint.get("Port"),
        multi_az=bool(entry.get("MultiAZ")),
        protected=bool(entry.get("DeletionProtection")),
        encrypted=bool(entry.get("StorageEncrypted")),
        master_secret=(entry.get("MasterUserSecret") or {}).get("SecretArn"),
    )


def _snapshot(entry: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        id=entry["DBSnapshotIdentifier"],
        instance=entry["DBInstanceIdentifier"],
        status=entry.get("Status") or "",
        kind=entry.get("SnapshotType") or "",
        created=entry.get("SnapshotCreateTime"),
        storage=entry.get("AllocatedStorage") or 0,
        arn=entry.get("DBSnapshotArn") or "",
    )
