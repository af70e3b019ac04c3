"""A DB instance's record as RDS describes it, made from the call that asks for it; refuses what it could not keep."""

from __future__ import annotations

import datetime
import secrets
from typing import Any

from infra.local import wire
from infra.local.rds import place
from infra.local.rds.place import Record

ENGINE_VERSION = "17.6"
"""What an instance reports that asks for no version, or for the major one alone; the image holds PostgreSQL 17."""

RENAMED = {
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
}
TAKEN_APART = {
    "Port", "VpcSecurityGroupIds", "DBSubnetGroupName", "DBParameterGroupName", "Tags", "MasterUserPassword",
    "ManageMasterUserPassword", "MasterUserSecretKmsKeyId", "OptionGroupName", "DBSnapshotIdentifier",
}  # fmt: skip
ASKED_ONLY = {
    "ApplyImmediately",
    "AllowMajorVersionUpgrade",
    "NewDBInstanceIdentifier",
    "CloudwatchLogsExportConfiguration",
}
"""Parameters of a change that say how, not what."""


class RdsError(Exception):
    """A refusal of the RDS API; `code` is what the service calls it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def made(asked: dict[str, Any]) -> Record:
    """Return the record of a new instance, `creating`; raises `RdsError`."""
    engine, version = asked.get("Engine", "postgres"), asked.get("EngineVersion", ENGINE_VERSION)
    if engine != "postgres" or version.split(".")[0] != ENGINE_VERSION.split(".")[0]:
        raise RdsError(
            "InvalidParameterCombination",
            f"Cannot find version {version} for {engine}: this cloud runs postgres 17",
        )
    identifier = asked["DBInstanceIdentifier"].lower()
    record = _defaults(identifier) | kept(asked)
    record |= {
        "DBInstanceIdentifier": identifier,
        "Engine": engine,
        "EngineVersion": version if "." in version else ENGINE_VERSION,
        "DBName": asked.get("DBName"),
        "DBSubnetGroup": _subnet_group(asked.get("DBSubnetGroupName")),
        "TagList": asked.get("Tags", []),
        "_MasterUserPassword": asked.get("MasterUserPassword", ""),
    }
    record["Endpoint"]["Port"] = asked.get("Port", 5432)
    record["MasterUsername"] = asked.get("MasterUsername", "postgres")
    record.setdefault("DBParameterGroups", _parameter_groups("default.postgres17"))
    return record


def kept(asked: dict[str, Any]) -> Record:
    """Return what a call sets in a record; raise `RdsError` for a parameter that an instance's description has
    no place for."""
    shape: Any = wire.model("rds").shape_for("DBInstance")
    members = shape.members
    record: Record = {}
    for name, value in asked.items():
        if name in RENAMED or (name in members and name not in TAKEN_APART):
            record[RENAMED.get(name, name)] = value
        elif name not in TAKEN_APART and name not in ASKED_ONLY:
            raise RdsError(
                "InvalidParameterValue", f"{name} is not available in the local cloud; it would be dropped"
            )
    if "VpcSecurityGroupIds" in asked:
        groups = asked["VpcSecurityGroupIds"]
        record["VpcSecurityGroups"] = [{"VpcSecurityGroupId": group, "Status": "active"} for group in groups]
    if "DBParameterGroupName" in asked:
        record["DBParameterGroups"] = _parameter_groups(asked["DBParameterGroupName"])
    return record


def described(record: Record) -> Record:
    """Return the record as an answer shows it: without what is ours, and with the parameters' state told truly."""
    from infra.local.rds import containers

    shown = {key: value for key, value in record.items() if not key.startswith("_")}
    applied = record.get("_parameters", {}) == containers.parameters(record)
    shown["DBParameterGroups"] = [
        group | {"ParameterApplyStatus": "in-sync" if applied else "pending-reboot"}
        for group in shown["DBParameterGroups"]
    ]
    if record["DBInstanceStatus"] == "creating":
        shown["Endpoint"] = None
    return shown


def _defaults(identifier: str) -> Record:
    """What AWS fills in: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html."""
    settings = place.settings()
    return {
        "DBInstanceStatus": "creating",
        "DBInstanceArn": f"arn:aws:rds:{settings.region}:{settings.account}:db:{identifier}",
        "DbiResourceId": f"db-{secrets.token_hex(13).upper()}",
        "InstanceCreateTime": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "Endpoint": {"Address": place.endpoint_host(identifier), "HostedZoneId": "Z29XKXDKYMONMX"},
        "AvailabilityZone": f"{settings.region}a",
        "BackupRetentionPeriod": 1,
        "PreferredBackupWindow": "03:00-03:30",
        "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
        "StorageType": "gp2",
        "MultiAZ": False,
        "AutoMinorVersionUpgrade": True,
        "PubliclyAccessible": False,
        "StorageEncrypted": False,
        "CopyTagsToSnapshot": False,
        "DeletionProtection": False,
        "IAMDatabaseAuthenticationEnabled": False,
        "PerformanceInsightsEnabled": False,
        "MonitoringInterval": 0,
        "DbInstancePort": 0,
        "LicenseModel": "postgresql-license",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "VpcSecurityGroups": [],
        "DBSecurityGroups": [],
        "PendingModifiedValues": {},
        "ReadReplicaDBInstanceIdentifiers": [],
    }


def _subnet_group(name: str | None) -> dict[str, Any]:
    from ministack.services import rds

    if name is None:
        return {"DBSubnetGroupName": "default", "SubnetGroupStatus": "Complete", "Subnets": []}
    found: dict[str, Any] | None = rds._subnet_groups.get(name)
    if found is None:
        raise RdsError("DBSubnetGroupNotFoundFault", f"DB subnet group {name} not found.", 404)
    return found


def _parameter_groups(name: str) -> list[dict[str, str]]:
    from ministack.services import rds

    if not name.startswith("default.") and name not in rds._param_groups:
        raise RdsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)
    return [{"DBParameterGroupName": name, "ParameterApplyStatus": "in-sync"}]
