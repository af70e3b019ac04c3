"""The RDS calls that make, change, restart and remove instances and snapshots; each answers as the service's
model has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import docker.errors

from infra.local import persistence, pin, wire
from infra.local.errors import LocalCloudError
from infra.local.rds import containers, place, records, secret, snapshots, watch
from infra.local.rds.place import Record
from infra.local.rds.records import RdsError

Asked = dict[str, Any]

PINNED = {
    "CreateDBInstance": ("_create_db_instance", "5edfd4666b24"),
    "ModifyDBInstance": ("_modify_db_instance", "05a4f3f74e13"),
    "DeleteDBInstance": ("_delete_db_instance", "a08b42eacbd8"),
    "RebootDBInstance": ("_reboot_db_instance", "14969817bba5"),
    "StartDBInstance": ("_start_db_instance", "733e41920b76"),
    "StopDBInstance": ("_stop_db_instance", "805e4e533656"),
    "CreateDBSnapshot": ("_create_db_snapshot", "0dd595a1e795"),
    "DeleteDBSnapshot": ("_delete_db_snapshot", "3b57144d5ed3"),
    "RestoreDBInstanceFromDBSnapshot": ("_restore_from_snapshot", "7a2234de0cf5"),
}


def install() -> None:
    """Take these calls over, show all of a record, and let MiniStack start no container of its own."""
    from ministack.services import rds

    for action, (function, sha) in PINNED.items():
        stock = pin.original(f"services.rds.{function}", sha=sha)
        rds._ACTION_MAP[action] = _handler(action, stock, _OURS[action])
    pin.replace("services.rds._instance_xml", _instance_xml, sha="97bb74e4c17b")
    pin.replace("services.rds._get_docker", lambda: None, sha="a161d31a7eef")
    pin.replace("services.rds._start_rds_container_for_instance", lambda *_: None, sha="4a2f9b60909e")


def _instance_xml(record: Record) -> str:
    return wire.xml(wire.model("rds").shape_for("DBInstance"), records.described(record))


def _handler(
    action: str, stock: Callable[..., Any], ours: Callable[[Asked], Mapping[str, Any]]
) -> Callable[..., Any]:
    """An Aurora cluster's member is not ours: MiniStack keeps its record, with no server behind it."""

    def handle(params: dict[str, list[str]]) -> Any:
        if "DBClusterIdentifier" in params:
            return stock(params)
        try:
            result = ours(wire.parsed("rds", action, params))
        except RdsError as error:
            return wire.error(error.code, str(error), error.status)
        except (LocalCloudError, docker.errors.DockerException) as error:
            return wire.error("InternalFailure", str(error), 500)
        persistence.touch("rds")
        return wire.answer("rds", action, result)

    return handle


def create(asked: Asked) -> Mapping[str, Any]:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html"""
    return {"DBInstance": records.described(begin(asked))}


def begin(asked: Asked) -> Record:
    """Make the record, the watch makes the container; a managed password becomes a secret."""
    from ministack.services import rds

    if place.record(asked["DBInstanceIdentifier"].lower()) is not None:
        raise RdsError("DBInstanceAlreadyExists", "DB instance already exists")
    managed = asked.get("ManageMasterUserPassword", False)
    if managed == bool(asked.get("MasterUserPassword")):
        raise RdsError(
            "InvalidParameterCombination", "Specify either MasterUserPassword or ManageMasterUserPassword."
        )
    record = records.made(asked)
    if managed:
        secret.manage(record, asked.get("MasterUserSecretKmsKeyId"))
    rds._tags[record["DBInstanceArn"]] = record["TagList"]
    rds._instances[record["DBInstanceIdentifier"]] = record
    watch.wake()
    return record


def modify(asked: Asked) -> Mapping[str, Any]:
    """Everything is applied at once, as with ApplyImmediately; parameters that need it wait for a reboot, as on AWS."""
    record = _existing(asked)
    changes = records.kept(asked | {"DBInstanceIdentifier": record["DBInstanceIdentifier"]})
    exports = asked.get("CloudwatchLogsExportConfiguration")
    if exports is not None:
        enabled = set(record.get("EnabledCloudwatchLogsExports", ())) | set(exports.get("EnableLogTypes", ()))
        changes["EnabledCloudwatchLogsExports"] = sorted(enabled - set(exports.get("DisableLogTypes", ())))
    if asked.get("MasterUserPassword"):
        containers.set_password(record, asked["MasterUserPassword"])
        changes["_MasterUserPassword"] = asked["MasterUserPassword"]
    if asked.get("ManageMasterUserPassword") and "MasterUserSecret" not in record:
        secret.manage(record, asked.get("MasterUserSecretKmsKeyId"))
        containers.set_password(record, record["_MasterUserPassword"])
    record.update(changes)
    return {"DBInstance": records.described(record)}


def delete(asked: Asked) -> Mapping[str, Any]:
    """Remove the container, then the volume, after the final snapshot where one is asked for."""
    from ministack.services import rds

    record = _existing(asked)
    identifier = record["DBInstanceIdentifier"]
    if record.get("DeletionProtection"):
        raise RdsError(
            "InvalidParameterCombination",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        )
    if not asked.get("SkipFinalSnapshot") and not asked.get("FinalDBSnapshotIdentifier"):
        raise RdsError(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    record |= {"DBInstanceStatus": "deleting", "_removed": True}
    with watch.LOCK:
        containers.stop(identifier)
        if not asked.get("SkipFinalSnapshot"):
            snapshots.take(asked["FinalDBSnapshotIdentifier"], record)
        containers.remove(identifier)
        containers.remove_volume(place.volume_name(identifier))
    secret.forget(record)
    rds._tags.pop(record["DBInstanceArn"], None)
    rds._instances.pop(identifier, None)
    return {"DBInstance": records.described(record)}


def reboot(asked: Asked) -> Mapping[str, Any]:
    """Stop the container; the watch starts another, with the parameter group's present values."""
    record = _existing(asked)
    if record["DBInstanceStatus"] != "available":
        raise RdsError(
            "InvalidDBInstanceState",
            f"DBInstance {record['DBInstanceIdentifier']} is not in available state.",
        )
    record["DBInstanceStatus"] = "rebooting"
    threading.Thread(target=_restart, args=(record,), daemon=True).start()
    return {"DBInstance": records.described(record)}


def _restart(record: Record) -> None:
    with watch.LOCK:
        containers.stop(record["DBInstanceIdentifier"])
        containers.remove(record["DBInstanceIdentifier"])
    watch.wake()


def stop(asked: Asked) -> Mapping[str, Any]:
    record = _existing(asked)
    record["DBInstanceStatus"] = "stopped"
    with watch.LOCK:
        containers.stop(record["DBInstanceIdentifier"])
    return {"DBInstance": records.described(record)}


def start(asked: Asked) -> Mapping[str, Any]:
    record = _existing(asked)
    record["DBInstanceStatus"] = "starting"
    watch.wake()
    return {"DBInstance": records.described(record)}


def create_snapshot(asked: Asked) -> Mapping[str, Any]:
    with watch.LOCK:
        return {
            "DBSnapshot": snapshots.take(
                asked["DBSnapshotIdentifier"], _existing(asked), asked.get("Tags", ())
            )
        }


def delete_snapshot(asked: Asked) -> Mapping[str, Any]:
    return {"DBSnapshot": snapshots.delete(asked["DBSnapshotIdentifier"])}


def restore(asked: Asked) -> Mapping[str, Any]:
    """Begin an instance on a copy of the snapshot's volume, its master's password as it was unless one is given."""
    found = snapshots.find(asked["DBSnapshotIdentifier"])
    source = found["_instance"]
    identifier = asked["DBInstanceIdentifier"].lower()
    taken = {
        "DBInstanceClass",
        "AllocatedStorage",
        "Engine",
        "EngineVersion",
        "MasterUsername",
        "StorageType",
        "DBName",
    }
    inherited = {key: source[key] for key in taken if key in source}
    if not asked.get("ManageMasterUserPassword"):
        inherited["MasterUserPassword"] = asked.get("MasterUserPassword") or found["_MasterUserPassword"]
    with watch.LOCK:
        snapshots.unfold(found, identifier)
        record = begin(inherited | asked)
    return {"DBInstance": records.described(record)}


def _existing(asked: Asked) -> Record:
    record = place.record(asked["DBInstanceIdentifier"].rpartition(":")[2].lower())
    if record is None:
        raise RdsError("DBInstanceNotFound", f"DBInstance {asked['DBInstanceIdentifier']} not found.", 404)
    return record


_OURS: dict[str, Callable[[Asked], Mapping[str, Any]]] = {
    "CreateDBInstance": create,
    "ModifyDBInstance": modify,
    "DeleteDBInstance": delete,
    "RebootDBInstance": reboot,
    "StartDBInstance": start,
    "StopDBInstance": stop,
    "CreateDBSnapshot": create_snapshot,
    "DeleteDBSnapshot": delete_snapshot,
    "RestoreDBInstanceFromDBSnapshot": restore,
}
