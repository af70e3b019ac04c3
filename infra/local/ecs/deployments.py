"""A service's deployments and what ECS records of them: begun, completed, failed, rolled back; callers hold `LOCK`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from infra.local.ecs import breaker, events
from infra.local.ecs.records import Record, arn, now, revisions, service_deployments, tail

REVISION_FIELDS = (
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
)
OPEN = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
ROLLING_BACK = frozenset({"ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})


def begin(service: Record) -> Record:
    """Start a deployment of the service as it now is; return it, the service's new primary one."""
    moment = now()
    current = of(service)
    if current is not None and current["status"] in OPEN:
        _finish(current, "STOPPED", "Service deployment was stopped because a newer deployment was started.")
    source = source_revision(service)
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            deployment["status"] = "ACTIVE"
    revision = _revise(service, moment)
    deployment = {
        "id": f"ecs-svc/{secrets.randbelow(9 * 10**18) + 10**18}",
        "status": "PRIMARY",
        "taskDefinition": service["taskDefinition"],
        "desiredCount": service["desiredCount"],
        "runningCount": 0,
        "pendingCount": 0,
        "failedTasks": 0,
        "createdAt": moment,
        "updatedAt": moment,
        "launchType": service.get("launchType"),
        "capacityProviderStrategy": service.get("capacityProviderStrategy"),
        "networkConfiguration": service.get("networkConfiguration"),
        "_revision": revision["serviceRevisionArn"],
    }
    service["deployments"].insert(0, deployment)
    _roll(deployment, "IN_PROGRESS", f"ECS deployment {deployment['id']} in progress.")
    _open(service, deployment, source=source, revision=revision)
    service["_failures"], service["_next_try"], service["_steady"] = 0, 0.0, False
    return deployment


def _revise(service: Record, moment: float) -> Record:
    revision_arn = arn("service-revision", *_path(service), str(secrets.randbelow(9 * 10**18) + 10**18))
    revision = {
        "serviceRevisionArn": revision_arn,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": moment,
    } | {field: service[field] for field in REVISION_FIELDS if service.get(field)}
    revisions[revision_arn] = revision
    return revision


def _path(service: Record) -> tuple[str, str]:
    return tail(service["clusterArn"]), service["serviceName"]


def _open(service: Record, deployment: Record, *, source: str | None, revision: Record) -> None:
    deployment_arn = arn("service-deployment", *_path(service), secrets.token_urlsafe(16))
    deployment["_arn"] = service["currentServiceDeployment"] = deployment_arn
    service_deployments[deployment_arn] = {
        "serviceDeploymentArn": deployment_arn,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": deployment["createdAt"],
        "startedAt": deployment["createdAt"],
        "updatedAt": deployment["createdAt"],
        "status": "IN_PROGRESS",
        "deploymentConfiguration": service["deploymentConfiguration"],
        "_sources": [source] if source else [],
        "_target": revision["serviceRevisionArn"],
        "_deployment": deployment["id"],
        "_failures": 0,
        "_breaker": "MONITORING" if breaker.is_on(service) else "DISABLED",
        "_threshold": breaker.threshold(service),
    }


def of(service: Record) -> Record | None:
    """Return the service's newest service deployment."""
    return service_deployments.get(service.get("currentServiceDeployment") or "")


def primary(service: Record) -> Record:
    found: Record = next(item for item in service["deployments"] if item["status"] == "PRIMARY")
    return found


def completed(service: Record) -> Record | None:
    """Return the deployment that a rollback goes to: the last one that completed."""
    return next((item for item in service["deployments"] if item["rolloutState"] == "COMPLETED"), None)


def source_revision(service: Record) -> str | None:
    found = completed(service)
    return str(found["_revision"]) if found else None


def complete(service: Record) -> None:
    """Record that the primary deployment has taken over, be it a new one or the one rolled back to."""
    deployment, record = primary(service), of(service)
    _roll(deployment, "COMPLETED", f"ECS deployment {deployment['id']} completed.")
    events.say(service, events.completed(deployment["id"]))
    if record is None or record["status"] not in OPEN:
        return
    if record["status"] in ROLLING_BACK:
        _finish(record, "ROLLBACK_SUCCESSFUL", record["rollback"]["reason"])
    else:
        _finish(record, "SUCCESSFUL", None)


def count_failure(service: Record, deployment_id: str) -> bool:
    """Count a failed task of a deployment in progress; tell whether the breaker has now had enough."""
    deployment = next((item for item in service["deployments"] if item["id"] == deployment_id), None)
    record = of(service)
    if deployment is None or record is None or deployment["rolloutState"] != "IN_PROGRESS":
        return False
    deployment["failedTasks"] += 1
    deployment["updatedAt"] = now()
    if record["status"] not in OPEN or not breaker.is_on(service) or deployment["status"] != "PRIMARY":
        return False
    count = "_rollback_failures" if record["status"] in ROLLING_BACK else "_failures"
    record[count] = record.get(count, 0) + 1
    record["_threshold"] = breaker.threshold(service)
    return bool(record[count] >= record["_threshold"])


def note_healthy(service: Record, deployment_id: str) -> None:
    """A task got healthy: the counts start anew, unless the breaker is told to keep its own."""
    deployment = next((item for item in service["deployments"] if item["id"] == deployment_id), None)
    record = of(service)
    if deployment is not None:
        deployment["failedTasks"] = 0
    if (
        record is not None
        and record["_deployment"] == deployment_id
        and breaker.resets_on_healthy_task(service)
    ):
        record["_failures"] = 0


def trip(service: Record) -> None:
    """The breaker's verdict: the primary deployment has failed; roll back when asked to and possible, else stand still."""
    record, deployment = of(service), primary(service)
    if record is None:
        return
    record["_breaker"] = "TRIGGERED"
    was_rolling_back = record["status"] in ROLLING_BACK
    _roll(deployment, "FAILED", "ECS deployment circuit breaker: tasks failed to start.")
    events.say(service, events.failed(deployment["id"], "tasks failed to start"))
    if was_rolling_back:
        _finish(
            record,
            "ROLLBACK_FAILED",
            "Service deployment rollback failed: the circuit breaker threshold was exceeded.",
        )
    elif breaker.settings(service).get("rollback") and completed(service) is not None:
        roll_back(
            service, "Service deployment rolled back because the circuit breaker threshold was exceeded."
        )
    else:
        _finish(
            record,
            "STOPPED",
            "Service deployment stopped because the circuit breaker threshold was exceeded.",
        )


def roll_back(service: Record, reason: str) -> None:
    """Make the last completed deployment the primary one again."""
    record, failed, target = of(service), primary(service), completed(service)
    if record is None:
        return
    if target is None:
        _roll(failed, "FAILED", reason)
        _finish(
            record,
            "ROLLBACK_FAILED",
            "Service deployment rollback failed: no completed service revision to go back to.",
        )
        return
    failed["status"], failed["desiredCount"] = "ACTIVE", 0
    if failed["rolloutState"] == "IN_PROGRESS":
        _roll(failed, "FAILED", reason)
    target["status"], target["desiredCount"] = "PRIMARY", service["desiredCount"]
    because = f"ECS deployment circuit breaker: rolling back to deploymentId {target['id']}."
    _roll(target, "IN_PROGRESS", because)
    service["taskDefinition"] = target["taskDefinition"]
    service["_failures"], service["_next_try"], service["_steady"] = 0, 0.0, False
    record.update(status="ROLLBACK_IN_PROGRESS", statusReason=reason, updatedAt=now())
    record["rollback"] = {"reason": reason, "startedAt": now(), "serviceRevisionArn": target["_revision"]}
    events.say(service, events.rolling_back(target["id"]))


def abort(service: Record) -> None:
    """Stop the deployment where it is: nothing more is started, nothing is taken back (StopServiceDeployment ABORT)."""
    record = of(service)
    _roll(primary(service), "FAILED", "Service deployment stopped by user.")
    if record is not None:
        _finish(record, "STOPPED", "Service deployment stopped by user.")


def _roll(deployment: Record, state: str, reason: str) -> None:
    deployment.update(rolloutState=state, rolloutStateReason=reason, updatedAt=now())


def _finish(record: Record, status: str, reason: str | None) -> None:
    moment = now()
    record.update(status=status, updatedAt=moment, finishedAt=moment)
    if status in ("STOPPED", "ROLLBACK_FAILED"):
        record["stoppedAt"] = moment
    if reason:
        record["statusReason"] = reason
    if record["_breaker"] == "MONITORING":
        record["_breaker"] = "MONITORING_COMPLETE"


def configuration(given: Mapping[str, Any] | None) -> Record:
    """Return a deployment configuration with ECS's defaults for the rolling strategy filled in."""
    chosen = {key: value for key, value in (given or {}).items() if value is not None}
    return {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **chosen,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False}
        | dict(chosen.get("deploymentCircuitBreaker") or {}),
    }
