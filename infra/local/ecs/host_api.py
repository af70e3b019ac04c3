"""Container instances through the API: listed, described, drained, deregistered."""

from __future__ import annotations

from infra.local.ecs import hosts, task_api, tasks
from infra.local.ecs.records import LOCK, EcsError, Record, changed, cluster, instances, tail
from infra.local.ecs.tasks import Halt

VERSIONS = {"agentVersion": "1.90.0", "agentHash": "local", "dockerVersion": "DockerVersion: local"}


def list_instances(data: Record) -> Record:
    """ListContainerInstances; without `status`, instances in any state."""
    owner = cluster(data.get("cluster"))
    status = data.get("status")
    found = [
        record["containerInstanceArn"]
        for record in hosts.of_cluster(owner["clusterArn"])
        if not status or record["status"] == status
    ]
    return task_api.page(found, data, "containerInstanceArns")


def describe(data: Record) -> Record:
    """DescribeContainerInstances."""
    found, failures = _resolve(data, data.get("containerInstances") or [])
    return {"containerInstances": [view(record) for record in found], "failures": failures}


def _resolve(data: Record, references: list[str]) -> tuple[list[Record], list[Record]]:
    owner = cluster(data.get("cluster"))
    by_id = {tail(record["containerInstanceArn"]): record for record in hosts.of_cluster(owner["clusterArn"])}
    missing = [
        {"arn": reference, "reason": "MISSING"} for reference in references if tail(reference) not in by_id
    ]
    return [by_id[tail(reference)] for reference in references if tail(reference) in by_id], missing


def view(record: Record) -> Record:
    """Return the container instance as the API shows it, with what is left on it."""
    with LOCK:
        used = hosts.on(record["containerInstanceArn"])
        left = hosts.as_host(record)
    shown = {key: value for key, value in record.items() if not key.startswith("_")}
    running = sum(task["lastStatus"] == "RUNNING" for task in used)
    return shown | {
        "version": 1,
        "versionInfo": VERSIONS,
        "registeredResources": _resources(record["_cpu"], record["_memory"], frozenset()),
        "remainingResources": _resources(left.cpu, left.memory, left.ports),
        "runningTasksCount": running,
        "pendingTasksCount": len(used) - running,
        "attachments": [],
        "tags": [],
    }


def _resources(cpu: int, memory: int, ports: frozenset[int]) -> list[Record]:
    return [
        {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", *sorted(map(str, ports))]},
    ]


def update_state(data: Record) -> Record:
    """UpdateContainerInstancesState: DRAINING moves service tasks elsewhere, ACTIVE takes tasks again."""
    status = data.get("status")
    if status not in ("ACTIVE", "DRAINING"):
        raise EcsError("InvalidParameterException", f"status {status} should be one of ACTIVE, DRAINING.")
    found, failures = _resolve(data, data.get("containerInstances") or [])
    with LOCK:
        for record in found:
            record["status"] = status
    changed()
    return {"containerInstances": [view(record) for record in found], "failures": failures}


def deregister(data: Record) -> Record:
    """DeregisterContainerInstance: refused while tasks run on it, unless forced; its tasks are then orphaned and stop."""
    found, _ = _resolve(data, [data.get("containerInstance") or ""])
    if not found:
        raise EcsError("InvalidParameterException", "The container instance was not found.")
    record = found[0]
    used = hosts.on(record["containerInstanceArn"])
    if used and not data.get("force"):
        raise EcsError("InvalidParameterException", "Found running tasks on the instance.")
    shown = view(record) | {"status": "INACTIVE", "agentConnected": False}
    lose(record["ec2InstanceId"])
    return {"containerInstance": shown}


def lose(instance_id: str) -> bool:
    """End an instance at once: its tasks are lost with no exit code; its group launches another."""
    with LOCK:
        record = hosts.by_instance(instance_id)
        if record is None:
            return False
        hosts.end(instance_id)
        lost = hosts.on(record["containerInstanceArn"])
        instances.pop(record["containerInstanceArn"])
    orphan(lost, instance_id)
    changed()
    return True


def orphan(lost: list[Record], instance_id: str) -> None:
    for task in lost:
        reason = f"Host EC2 (instance {instance_id}) terminated."
        tasks.halt(task, Halt("TerminationNotice", reason, drain=False, lost=True))
