"""What a service says of itself, worded as ECS words it; events are newest first and the last hundred are kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from infra.local.ecs.records import Record, now, tail

KEPT = 100
GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


def say(service: Record, text: str) -> None:
    """Add an event `(service NAME) TEXT`."""
    message = f"(service {service['serviceName']}) {text}"
    service["events"].insert(0, {"id": str(uuid.uuid4()), "createdAt": now(), "message": message})
    del service["events"][KEPT:]


def say_once(service: Record, text: str, *, seconds: float) -> None:
    """Add an event unless the same one was added in the last `seconds`."""
    message = f"(service {service['serviceName']}) {text}"
    since = now() - seconds
    if not any(event["message"] == message and event["createdAt"] > since for event in service["events"]):
        say(service, text)


def started(arns: Sequence[str]) -> str:
    return f"has started {len(arns)} tasks: {_tasks(arns)}."


def stopped(arns: Sequence[str]) -> str:
    return f"has stopped {len(arns)} running tasks: {_tasks(arns)}."


def registered(group_arn: str) -> str:
    return f"registered 1 targets in (target-group {group_arn})"


def deregistered(group_arn: str) -> str:
    return f"deregistered 1 targets in (target-group {group_arn})"


def draining() -> str:
    return "has begun draining connections on 1 tasks."


def steady() -> str:
    return "has reached a steady state."


def completed(deployment_id: str) -> str:
    return f"(deployment {deployment_id}) deployment completed."


def failed(deployment_id: str, why: str) -> str:
    return f"(deployment {deployment_id}) deployment failed: {why}."


def rolling_back(deployment_id: str) -> str:
    return f"rolling back to deployment {deployment_id}."


def no_hosts() -> str:
    return (
        "was unable to place a task because no container instance met all of its requirements. "
        f"Reason: No Container Instances were found in your cluster. {GUIDE}"
    )


def no_capacity(instance_arn: str, reason: str) -> str:
    lack = {
        "RESOURCE:CPU": "has insufficient CPU units available",
        "RESOURCE:MEMORY": "has insufficient memory available",
        "RESOURCE:PORTS": "is already using a port required by your task",
        "DISTINCT_INSTANCE": 'encountered error "DISTINCT_INSTANCE"',
    }[reason]
    return (
        "was unable to place a task because no container instance met all of its requirements. "
        f"The closest matching (container-instance {tail(instance_arn)}) {lack}. {GUIDE}"
    )


def impaired() -> str:
    return f"is unable to consistently start tasks successfully. {GUIDE}"


def failing_container(task_arn: str) -> str:
    return f"(task {tail(task_arn)}) failed container health checks."


def failing_target(port: int, group_arn: str, reason: str) -> str:
    return f"(port {port}) is unhealthy in (target-group {group_arn}) due to (reason {reason})"


def _tasks(arns: Sequence[str]) -> str:
    return " ".join(f"(task {tail(arn)})" for arn in arns)
