"""CreateService, UpdateService and DeleteService: requests checked and written to the record; the scheduler does the rest."""

from __future__ import annotations

from ministack.services import ecs

from infra.local.ecs import deployments, service_checks
from infra.local.ecs.records import LOCK, EcsError, Record, arn, changed, cluster, definition, now, place

COPIED = (
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "capacityProviderStrategy",
    "platformVersion",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "availabilityZoneRebalancing",
)
DEPLOYED = (
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "capacityProviderStrategy",
    "platformVersion",
)
"""What an update deploys anew when it changes it (UpdateService); the rest applies in place."""


def create(data: Record) -> Record:
    """CreateService; raises `EcsError`."""
    owner = cluster(data.get("cluster"))
    name = data.get("serviceName") or ""
    if not name:
        raise EcsError("InvalidParameterException", "Service name cannot be empty.")
    with LOCK:
        key = f"{owner['clusterName']}/{name}"
        existing = ecs._services.get(key)
        if existing is not None and existing["status"] == "DRAINING":
            raise EcsError("InvalidParameterException", "Unable to Start a service that is still Draining.")
        if existing is not None and existing["status"] == "ACTIVE":
            raise EcsError("InvalidParameterException", "Creation of service was not idempotent.")
        service = _new(data, owner, name)
        ecs._services[key] = service
        ecs._tags[service["serviceArn"]] = list(data.get("tags") or [])
        deployments.begin(service)
    changed()
    return view(service)


def _new(data: Record, owner: Record, name: str) -> Record:
    task_definition = definition(data.get("taskDefinition") or "")
    if task_definition["status"] != "ACTIVE":
        raise EcsError("ClientException", "TaskDefinition is inactive")
    launch_type, strategy = service_checks.capacity(data, owner)
    daemon = data.get("schedulingStrategy") == "DAEMON"
    service: Record = {
        "serviceArn": arn("service", owner["clusterName"], name),
        "serviceName": name,
        "clusterArn": owner["clusterArn"],
        "status": "ACTIVE",
        "desiredCount": 0 if daemon else int(data.get("desiredCount", 1)),
        "runningCount": 0,
        "pendingCount": 0,
        "loadBalancers": [],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        "enableECSManagedTags": False,
        **{field: data[field] for field in COPIED if data.get(field) is not None},
        "launchType": launch_type,
        "capacityProviderStrategy": strategy,
        "platformVersion": "1.4.0" if launch_type == "FARGATE" else None,
        "platformFamily": "Linux" if launch_type == "FARGATE" else None,
        "schedulingStrategy": "DAEMON" if daemon else "REPLICA",
        "deploymentController": data.get("deploymentController") or {"type": "ECS"},
        "deploymentConfiguration": deployments.configuration(data.get("deploymentConfiguration")),
        "taskDefinition": task_definition["taskDefinitionArn"],
        "deployments": [],
        "events": [],
        "createdAt": now(),
        "createdBy": f"arn:aws:iam::{place().settings.account}:root",
        "tags": list(data.get("tags") or []),
    }
    service_checks.check(service, task_definition)
    return service


def find(data: Record) -> Record:
    """Return the service that `cluster` and `service` name; raise `EcsError`."""
    owner = cluster(data.get("cluster"))
    reference = ecs._resolve_service_ref(data.get("service") or "")
    name = reference[0] if reference else ""
    found: Record | None = ecs._services.get(f"{owner['clusterName']}/{name}")
    if found is None:
        raise EcsError("ServiceNotFoundException", "Service not found.")
    return found


def update(data: Record) -> Record:
    """UpdateService; a changed task definition, network, balancer or capacity, or `forceNewDeployment`, deploys.

    So does any update of a service whose deployment has failed: nothing else would start its tasks again.
    """
    with LOCK:
        service = find(data)
        if service["status"] != "ACTIVE":
            raise EcsError("ServiceNotActiveException", "Service was not ACTIVE.")
        before = {field: service.get(field) for field in ("taskDefinition", *DEPLOYED)}
        after = dict(service) | _changes(service, data)
        service_checks.check(after, definition(after["taskDefinition"]))
        service.update(after)
        deploys = any(service.get(field) != value for field, value in before.items())
        deploys |= deployments.primary(service)["rolloutState"] == "FAILED"
        if deploys or data.get("forceNewDeployment"):
            deployments.begin(service)
        else:
            deployments.primary(service)["updatedAt"] = now()
        service["_steady"] = False
    changed()
    return view(service)


def _changes(service: Record, data: Record) -> Record:
    changes = {field: data[field] for field in COPIED if data.get(field) is not None}
    if data.get("taskDefinition"):
        changes["taskDefinition"] = definition(data["taskDefinition"])["taskDefinitionArn"]
    if data.get("desiredCount") is not None:
        changes["desiredCount"] = int(data["desiredCount"])
    if data.get("deploymentConfiguration"):
        given = {key: value for key, value in data["deploymentConfiguration"].items() if value is not None}
        changes["deploymentConfiguration"] = deployments.configuration(
            service["deploymentConfiguration"] | given
        )
    if "capacityProviderStrategy" in changes:
        changes["launchType"] = None if changes["capacityProviderStrategy"] else "EC2"
    return changes


def delete(data: Record) -> Record:
    """DeleteService: the service drains, and is INACTIVE when its tasks have stopped."""
    with LOCK:
        service = find(data)
        if service["status"] == "ACTIVE":
            if (
                not data.get("force")
                and service["schedulingStrategy"] == "REPLICA"
                and service["desiredCount"] > 0
            ):
                raise EcsError(
                    "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."
                )
            service["status"], service["desiredCount"] = "DRAINING", 0
            ecs._tags.pop(service["serviceArn"], None)
    changed()
    return view(service)


def view(service: Record) -> Record:
    """Return the service as the API shows it."""
    with LOCK:
        shown: Record = ecs._sanitize(service)
        revisions = [
            {
                "arn": item["_revision"],
                "requestedTaskCount": item["desiredCount"],
                "runningTaskCount": item["runningCount"],
                "pendingTaskCount": item["pendingCount"],
            }
            for item in service["deployments"]
            if item["rolloutState"] != "FAILED"
        ]
    shown.pop("tags", None)
    return {"service": shown | {"currentServiceRevisions": revisions}}


def describe(data: Record) -> Record:
    """DescribeServices."""
    owner = cluster(data.get("cluster"))
    found, failures = [], []
    for reference in data.get("services") or []:
        try:
            service = find({"cluster": owner["clusterArn"], "service": reference})
        except EcsError:
            missing = (
                reference if reference.startswith("arn:") else arn("service", owner["clusterName"], reference)
            )
            failures.append({"arn": missing, "reason": "MISSING"})
            continue
        shown = view(service)["service"]
        if "TAGS" in (data.get("include") or []):
            shown["tags"] = ecs._tags.get(service["serviceArn"], [])
        found.append(shown)
    return {"services": found, "failures": failures}
