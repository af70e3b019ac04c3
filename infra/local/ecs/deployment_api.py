"""ListServiceDeployments, DescribeServiceDeployments, DescribeServiceRevisions and StopServiceDeployment."""

from __future__ import annotations

from ministack.services import ecs

from infra.local.ecs import service_api, task_api
from infra.local.ecs.deployments import OPEN
from infra.local.ecs.records import (
    LOCK,
    EcsError,
    Record,
    changed,
    now,
    revisions,
    service_deployments,
    services,
)

BRIEF = (
    "serviceDeploymentArn",
    "serviceArn",
    "clusterArn",
    "createdAt",
    "startedAt",
    "finishedAt",
    "status",
    "statusReason",
)


def list_deployments(data: Record) -> Record:
    """ListServiceDeployments, newest first."""
    service = service_api.find(data)
    wanted = data.get("status") or []
    between = data.get("createdAt") or {}
    found = [
        {field: record[field] for field in BRIEF if field in record}
        | {"targetServiceRevisionArn": record["_target"]}
        for record in reversed(service_deployments.values())
        if record["serviceArn"] == service["serviceArn"]
        and (not wanted or record["status"] in wanted)
        and record["createdAt"] >= float(between.get("after") or 0)
        and record["createdAt"] <= float(between.get("before") or now())
    ]
    return task_api.page(found, data, "serviceDeployments")


def describe(data: Record) -> Record:
    """DescribeServiceDeployments."""
    found, failures = [], []
    for arn in data.get("serviceDeploymentArns") or []:
        record = service_deployments.get(arn)
        if record is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_view(record))
    return {"serviceDeployments": found, "failures": failures}


def _view(record: Record) -> Record:
    with LOCK:
        shown: Record = ecs._sanitize(record)
        owner = next((item for item in services() if item["serviceArn"] == record["serviceArn"]), None)
        counts = {item["_revision"]: item for item in (owner or {}).get("deployments", [])}
    return shown | {
        "sourceServiceRevisions": [_revision(arn, counts) for arn in record["_sources"]],
        "targetServiceRevision": _revision(record["_target"], counts),
        "deploymentCircuitBreaker": {
            "status": record["_breaker"],
            "failureCount": record["_failures"],
            "threshold": record["_threshold"],
        },
        "alarms": {"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []},
    }


def _revision(arn: str, counts: dict[str, Record]) -> Record:
    deployment = counts.get(arn) or {}
    return {
        "arn": arn,
        "requestedTaskCount": deployment.get("desiredCount", 0),
        "runningTaskCount": deployment.get("runningCount", 0),
        "pendingTaskCount": deployment.get("pendingCount", 0),
    }


def describe_revisions(data: Record) -> Record:
    """DescribeServiceRevisions."""
    found, failures = [], []
    for arn in data.get("serviceRevisionArns") or []:
        if arn in revisions:
            found.append(ecs._sanitize(revisions[arn]))
        else:
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"serviceRevisions": found, "failures": failures}


def stop(data: Record) -> Record:
    """StopServiceDeployment: ROLLBACK, the default, or ABORT; the scheduler acts on it."""
    with LOCK:
        record = service_deployments.get(data.get("serviceDeploymentArn") or "")
        if record is None:
            raise EcsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        if record["status"] not in OPEN:
            raise EcsError(
                "ConflictException", f"The service deployment is {record['status']} and cannot be stopped."
            )
        stops = {"ROLLBACK": "ROLLBACK_REQUESTED", "ABORT": "STOP_REQUESTED"}
        asked = data.get("stopType") or "ROLLBACK"
        if asked not in stops:
            raise EcsError("InvalidParameterException", f"stopType {asked} should be one of ROLLBACK, ABORT.")
        record["status"] = stops[asked]
        record["updatedAt"] = now()
    changed()
    return {"serviceDeploymentArn": record["serviceDeploymentArn"]}
