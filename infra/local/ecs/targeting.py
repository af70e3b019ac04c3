"""A service's tasks in its target groups: registered when they run, deregistered and drained before they are stopped."""

from __future__ import annotations

import time

from ministack.services import alb

from infra.local.ecs import events
from infra.local.ecs.records import LOCK, Record, instances, service_of
from infra.local.elb import targets
from infra.local.elb.targets import Target

DRAIN_POLL = 0.05


def register(task: Record) -> None:
    """Register the task in the target groups of its service, each once."""
    service = service_of(task)
    known = {(item["group"], item["id"], item["port"]) for item in task["_targets"]}
    for balancer in (service or {}).get("loadBalancers") or []:
        entry = _entry(task, balancer)
        if entry is None:
            continue
        target = Target(entry["id"], entry["port"])
        targets.register(entry["group"], target, reach=(entry["host"], entry["reach"]))
        if (entry["group"], entry["id"], entry["port"]) in known:
            continue
        with LOCK:
            task["_targets"].append(entry)
            if service is not None:
                events.say(service, events.registered(entry["group"]))


def _entry(task: Record, balancer: Record) -> Record | None:
    """Return where the balancer reaches the task: by its own address, which the host shares a network with."""
    group = alb._tgs.get(balancer.get("targetGroupArn", ""))
    container = next(
        (item for item in task["containers"] if item["name"] == balancer.get("containerName")), None
    )
    port = int(balancer.get("containerPort") or 0)
    if group is None or container is None:
        return None
    own = task["_address"].get(container["name"]) or next(iter(task["_address"].values()), "127.0.0.1")
    host = instances.get(task.get("containerInstanceArn") or "")
    if group.get("TargetType") == "ip" or host is None:
        return {"group": group["TargetGroupArn"], "id": own, "port": port, "host": own, "reach": port}
    published = [item["hostPort"] for item in container["networkBindings"] if item["containerPort"] == port]
    entry_port = published[0] if published else port
    return {
        "group": group["TargetGroupArn"],
        "id": host["ec2InstanceId"],
        "port": entry_port,
        "host": own,
        "reach": port,
    }


def withdraw(task: Record, *, wait: bool) -> None:
    """Deregister the task's targets; with `wait`, return when no request is in flight or the deregistration delay is over."""
    service = service_of(task)
    for entry in task["_targets"]:
        targets.deregister(entry["group"], Target(entry["id"], entry["port"]))
    if service is not None and wait:
        with LOCK:
            events.say(service, events.draining())
    while wait and not all(_drained(entry) for entry in task["_targets"]):
        time.sleep(DRAIN_POLL)
    with LOCK:
        for entry in task["_targets"]:
            if service is not None:
                events.say(service, events.deregistered(entry["group"]))
        task["_targets"] = []


def _drained(entry: Record) -> bool:
    return targets.is_drained(entry["group"], Target(entry["id"], entry["port"]))


def is_healthy(task: Record) -> bool:
    """Tell whether every target of the task gets traffic; a service without balancers asks nothing."""
    service = service_of(task)
    expected = len((service or {}).get("loadBalancers") or [])
    states = [_state(entry) for entry in task["_targets"]]
    return len(states) >= expected and all(state == "healthy" for state in states)


def failing(task: Record) -> tuple[Record, str] | None:
    """Return the first target that its group's health check found unhealthy, and why."""
    for entry in task["_targets"]:
        health = targets.health(entry["group"], Target(entry["id"], entry["port"]))
        if health.state == "unhealthy":
            return entry, health.description
    return None


def _state(entry: Record) -> str:
    return targets.health(entry["group"], Target(entry["id"], entry["port"])).state
