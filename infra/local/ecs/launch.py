"""A task from order to running life: placed on a host, kept waiting for one, or refused with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.local.ecs import hosts, placement, tasks
from infra.local.ecs.lifecycle import TaskLife
from infra.local.ecs.records import LOCK, Record, definition, instances
from infra.local.ecs.records import tasks as all_tasks
from infra.local.ecs.tasks import Order

SERVERLESS = frozenset({"FARGATE", "FARGATE_SPOT"})


@dataclass(frozen=True)
class Refusal:
    """No host takes the task: reason by container instance ARN, empty when the cluster has no host at all."""

    reasons: Mapping[str, str]


def launch(order: Order) -> Record | Refusal:
    """Start a task; one that a capacity provider can get a host for waits in PROVISIONING instead of being refused."""
    with LOCK:
        if order.launch_type == "FARGATE":
            return begin(order, host=None)
        choice = choose(order)
        if choice.host is None and not (order.provider and hosts.is_scaled(order.provider)):
            return Refusal(choice.reasons)
        return begin(order, host=choice.host)


def choose(order: Order) -> placement.Choice:
    return placement.choose(
        hosts.candidates(order.cluster["clusterArn"], order.provider),
        placement.need(order.definition, order.overrides),
        group=order.group,
        strategy=order.strategy,
        distinct=any(item.get("type") == "distinctInstance" for item in order.constraints),
    )


def begin(order: Order, *, host: str | None) -> Record:
    """Start a task on the host, or on none when it is serverless or waits for one."""
    task = tasks.make(order, host=host)
    if host:
        _settle(task, host)
    TaskLife(task, dict(order.definition)).begin()
    return task


def _settle(task: Record, host: str) -> None:
    task["containerInstanceArn"] = host
    task["availabilityZone"] = instances[host]["_zone"]
    task["_placed"] = True


def place_waiting() -> None:
    """Give hosts to tasks that wait for one, oldest first; ask their providers for more where there is none."""
    with LOCK:
        waiting = [
            task
            for task in all_tasks()
            if not task.get("_placed", True) and task["desiredStatus"] == "RUNNING"
        ]
        for task in sorted(waiting, key=lambda item: item["createdAt"]):
            choice = choose(_order_of(task))
            if choice.host:
                _settle(task, choice.host)
                tasks.lives[task["taskArn"]].wake("placed", {})
            else:
                hosts.grow(task["capacityProviderName"])


def _order_of(task: Record) -> Order:
    return Order(
        {"clusterArn": task["clusterArn"]},
        definition(task["taskDefinitionArn"]),
        task["group"],
        provider=task["capacityProviderName"],
        overrides=task["overrides"],
        constraints=task["_constraints"],
        strategy=task["_strategy"],
    )


def with_capacity(order: Order, *, launch_type: str | None, strategy: Sequence[Mapping[str, Any]]) -> Order:
    """Return the order with its launch type, and the capacity provider that the strategy gives to the next task."""
    if not strategy:
        return replace(order, launch_type=launch_type or "EC2")
    running: dict[str, int] = {}
    for task in all_tasks():
        if (
            task["group"] == order.group
            and task["desiredStatus"] == "RUNNING"
            and task.get("capacityProviderName")
        ):
            running[task["capacityProviderName"]] = running.get(task["capacityProviderName"], 0) + 1
    chosen = placement.provider(strategy, running)
    return replace(order, launch_type="FARGATE" if chosen in SERVERLESS else "EC2", provider=chosen)
