"""A task's record: how it is made, how it walks through its states, and what asks it to stop; no engine in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ministack.services import ecs, ecs_metadata

from infra.local.ecs import placement
from infra.local.ecs.records import LOCK, Record, arn, changed, new_id, now, place, tail

COUNTED_STATES = frozenset({"PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"})
"""The states whose entry raises a task's version, as a task polled through DescribeTasks shows."""


@dataclass(frozen=True)
class Order:
    """What to run: everything RunTask, StartTask and a service say of a task before it is placed."""

    cluster: Mapping[str, Any]
    definition: Mapping[str, Any]
    group: str
    launch_type: str = "EC2"
    provider: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    started_by: str = ""
    deployment: str | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    constraints: Sequence[Mapping[str, Any]] = ()
    strategy: Sequence[Mapping[str, Any]] = ()
    tags: Sequence[Mapping[str, str]] = ()
    execute_command: bool = False


@dataclass(frozen=True)
class Halt:
    """Why a task stops: ECS's stop code and reason; `drain` waits for requests in flight before SIGTERM."""

    code: str
    reason: str
    drain: bool = True
    lost: bool = False


class Life(Protocol):
    """What runs a task; see `lifecycle`."""

    def halt(self, why: Halt) -> None: ...

    def wake(self, action: str, attributes: Mapping[str, str]) -> None: ...


lives: dict[str, Life] = {}
"""The running lives by task ARN."""


def halt(task: Record, why: Halt) -> None:
    """Ask a task to stop; the first reason stands. A task that nothing runs any more is closed at once."""
    life = lives.get(task["taskArn"])
    if life is not None:
        life.halt(why)
    else:
        begin_stop(task, why)
        close(task)


def make(order: Order, *, host: str | None) -> Record:
    """Store and return a new task in PROVISIONING on the host (an ARN), or on none yet."""
    task_arn = arn("task", order.cluster["clusterName"], new_id())
    wanted = placement.need(order.definition, order.overrides)
    definition = order.definition
    task: Record = {
        "taskArn": task_arn,
        "clusterArn": order.cluster["clusterArn"],
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "containerInstanceArn": host,
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **order.overrides},
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "launchType": order.launch_type,
        "capacityProviderName": order.provider,
        "platformVersion": "1.4.0" if order.launch_type == "FARGATE" else None,
        "platformFamily": "Linux" if order.launch_type == "FARGATE" else None,
        "cpu": str(wanted.cpu),
        "memory": str(wanted.memory),
        "connectivity": "CONNECTED",
        "createdAt": now(),
        "group": order.group,
        "startedBy": order.started_by or None,
        "version": 1,
        "containers": _containers(task_arn, order),
        "attachments": [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "availabilityZone": f"{place().settings.region}a",
        "enableExecuteCommand": order.execute_command,
        "tags": list(order.tags),
        "healthStatus": "UNKNOWN",
        **_own(order, host),
    }
    ecs._tasks[task_arn] = task
    if order.tags:
        ecs._tags[task_arn] = [dict(tag) for tag in order.tags]
    return task


def _own(order: Order, host: str | None) -> Record:
    """What the scheduler notes of a task and no answer shows."""
    definition = order.definition
    wanted = placement.need(definition, order.overrides)
    return {
        "_need": {"cpu": wanted.cpu, "memory": wanted.memory, "ports": sorted(wanted.ports)},
        "_deployment_id": order.deployment,
        "_docker": {},
        "_address": {},
        "_targets": [],
        "_subnet": _first_subnet(order.network),
        "_role": order.overrides.get("taskRoleArn") or definition.get("taskRoleArn") or "",
        "_placed": host is not None or order.launch_type == "FARGATE",
        "_constraints": [dict(item) for item in order.constraints],
        "_strategy": [dict(item) for item in order.strategy],
    }


def _containers(task_arn: str, order: Order) -> list[Record]:
    cluster = order.cluster["clusterName"]
    return [
        {
            "containerArn": arn("container", cluster, tail(task_arn), new_id()),
            "taskArn": task_arn,
            "name": container["name"],
            "image": container["image"],
            "lastStatus": "PENDING",
            "networkBindings": [],
            "networkInterfaces": [],
            "healthStatus": "UNKNOWN",
            "cpu": str(container.get("cpu") or 0),
            "memory": str(container["memory"]) if container.get("memory") else None,
            "memoryReservation": str(container["memoryReservation"])
            if container.get("memoryReservation")
            else None,
        }
        for container in order.definition["containerDefinitions"]
    ]


def _first_subnet(network: Mapping[str, Any]) -> str | None:
    subnets = (network.get("awsvpcConfiguration") or {}).get("subnets") or [None]
    first: str | None = subnets[0]
    return first


def enter(task: Record, status: str) -> None:
    """Move the task to a state, and tell its metadata and the scheduler."""
    with LOCK:
        task["lastStatus"] = status
        if status in COUNTED_STATES:
            task["version"] += 1
    ecs_metadata.set_task_status(task["taskArn"], known_status=status)
    changed()


def begin_stop(task: Record, why: Halt) -> None:
    """Set the desired status, code and reason; later reasons do not replace them."""
    with LOCK:
        if task["desiredStatus"] == "STOPPED":
            return
        task["desiredStatus"] = "STOPPED"
        task["stoppingAt"] = now()
        task["stopCode"] = why.code
        task["stoppedReason"] = why.reason
        task["version"] += 1
    ecs_metadata.set_task_status(task["taskArn"], desired_status="STOPPED")
    changed()


def close(task: Record) -> None:
    """Bring the task to STOPPED; containers whose end nobody saw stay without an exit code."""
    with LOCK:
        for container in task["containers"]:
            container["lastStatus"] = "STOPPED"
        if task.get("startedAt"):
            task.setdefault("executionStoppedAt", now())
        task["stoppedAt"] = now()
        task["connectivity"] = "DISCONNECTED"
        lives.pop(task["taskArn"], None)
    enter(task, "STOPPED")


def is_failure(task: Record) -> bool:
    """Tell whether the task's end counts against its deployment."""
    return task.get("stopCode") in ("TaskFailedToStart", "EssentialContainerExited") or bool(
        task.get("_failed_health")
    )
