"""`AWS::RDS::DBInstance`: made by the public calls, complete when the database answers."""

from __future__ import annotations

from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.errors import LocalCloudError
from infra.local.rds import place, watch

READY_SECONDS = 180.0

SPELLING = {"VPCSecurityGroups": "VpcSecurityGroupIds"}
NOT_SENT = (
    "Tags",
    "MasterUserSecret",
    "DeleteAutomatedBackups",
    "ApplyImmediately",
    "AllowMajorVersionUpgrade",
)
"""Said otherwise, or without effect where there are no backups and changes are applied at once."""

_snapshot_first: set[str] = set()
"""Instances whose stack wants a snapshot before the deletion that comes next."""


def install() -> None:
    register("AWS::RDS::DBInstance", Instance())


class Instance:
    """A DB instance of a stack."""

    def create(self, wanted: Wanted) -> Made:
        values = _values(wanted) | {"Tags": wanted.properties.get("Tags", [])}
        identifier = wanted.properties.get("DBInstanceIdentifier") or wanted.name(63, lowercase=True)
        operation = (
            "RestoreDBInstanceFromDBSnapshot" if "DBSnapshotIdentifier" in values else "CreateDBInstance"
        )
        api.send("rds", operation, values | {"DBInstanceIdentifier": identifier})
        wanted.undo(lambda: self._remove(identifier))
        watch.until(identifier, "available", seconds=READY_SECONDS)
        return _made(identifier)

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        old, new = api.without(existing.properties, "Tags"), api.without(wanted.properties, "Tags")
        if old != new:
            values = api.without(
                _values(wanted),
                "DBSubnetGroupName",
                "MasterUsername",
                "DBName",
                "StorageEncrypted",
                "KmsKeyId",
            )
            values = api.without(
                values, "EnableCloudwatchLogsExports", "Engine", "AvailabilityZone", "DBSnapshotIdentifier"
            )
            if old.get("ManageMasterUserPassword") == new.get("ManageMasterUserPassword"):
                values = api.without(values, "ManageMasterUserPassword", "MasterUserSecretKmsKeyId")
            values |= _exports(old, new) | {
                "DBInstanceIdentifier": existing.physical_id,
                "ApplyImmediately": True,
            }
            values |= {"DBPortNumber": values.pop("Port")} if "Port" in values else {}
            api.send("rds", "ModifyDBInstance", values)
        arn = place_arn(existing.physical_id)
        removed, changed = api.tag_changes(existing.properties.get("Tags"), wanted.properties.get("Tags"))
        if removed:
            api.call("rds", "RemoveTagsFromResource", ResourceName=arn, TagKeys=removed)
        if changed:
            api.call("rds", "AddTagsToResource", ResourceName=arn, Tags=changed)
        return _made(existing.physical_id)

    def snapshot(self, physical_id: str, _properties: dict[str, Any]) -> None:
        """Called on the event loop just before `delete`, which takes the snapshot: it needs seconds."""
        _snapshot_first.add(physical_id)

    def delete(self, existing: Existing) -> None:
        final = existing.physical_id in _snapshot_first
        _snapshot_first.discard(existing.physical_id)
        how: dict[str, Any] = {"SkipFinalSnapshot": True}
        if final:
            how = {"FinalDBSnapshotIdentifier": _snapshot_name(existing.physical_id)}
        with api.gone("DBInstanceNotFound"):
            api.call("rds", "DeleteDBInstance", DBInstanceIdentifier=existing.physical_id, **how)

    def _remove(self, identifier: str) -> None:
        """An instance that never came up holds no data worth protecting."""
        with api.gone("DBInstanceNotFound"):
            api.call("rds", "ModifyDBInstance", DBInstanceIdentifier=identifier, DeletionProtection=False)
            api.call("rds", "DeleteDBInstance", DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def place_arn(identifier: str) -> str:
    settings = place.settings()
    return f"arn:aws:rds:{settings.region}:{settings.account}:db:{identifier}"


def _values(wanted: Wanted) -> dict[str, Any]:
    values = {
        SPELLING.get(key, key): value for key, value in api.without(wanted.properties, *NOT_SENT).items()
    }
    key = (wanted.properties.get("MasterUserSecret") or {}).get("KmsKeyId")
    return values | ({"MasterUserSecretKmsKeyId": key} if key else {})


def _exports(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    before, after = (set(side.get("EnableCloudwatchLogsExports", ())) for side in (old, new))
    if before == after:
        return {}
    return {
        "CloudwatchLogsExportConfiguration": {
            "EnableLogTypes": sorted(after - before),
            "DisableLogTypes": sorted(before - after),
        }
    }


def _snapshot_name(identifier: str) -> str:
    import secrets

    return f"{identifier}-snapshot-{secrets.token_hex(6)}"


def _made(identifier: str) -> Made:
    record = place.record(identifier)
    if record is None:
        raise LocalCloudError(f"the database {identifier} was deleted meanwhile")
    attributes = {
        "Endpoint.Address": record["Endpoint"]["Address"],
        "Endpoint.Port": str(record["Endpoint"]["Port"]),
        "Endpoint.HostedZoneId": record["Endpoint"]["HostedZoneId"],
        "DBInstanceArn": record["DBInstanceArn"],
        "DbiResourceId": record["DbiResourceId"],
    }
    if "MasterUserSecret" in record:
        attributes["MasterUserSecret.SecretArn"] = record["MasterUserSecret"]["SecretArn"]
    return Made(identifier, attributes)
