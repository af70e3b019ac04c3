"""Whether a service's task is healthy: its containers' health checks, its targets' health, and what is done when it is not."""

from __future__ import annotations

from infra.local.ecs import deployments, events, targeting, tasks
from infra.local.ecs.records import LOCK, Record, now, tasks_of
from infra.local.ecs.tasks import Halt

STEADY_SECONDS = 2.0
"""How long a task without any health check must run to count as healthy: one that crashes at once never does."""


def is_healthy(task: Record, *, at: float) -> bool:
    """Tell whether the task runs, passes its containers' health checks and gets traffic from its target groups."""
    if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
        return False
    if task.get("_health_checked") and task["healthStatus"] != "HEALTHY":
        return False
    if not targeting.is_healthy(task):
        return False
    return bool(task.get("_health_checked") or task["_targets"] or at - task["startedAt"] >= STEADY_SECONDS)


def judge(service: Record) -> None:
    """Stop tasks that fail their health checks once the grace period is over."""
    grace = float(service.get("healthCheckGracePeriodSeconds") or 0)
    for task in list(tasks_of(service)):
        if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
            continue
        if is_healthy(task, at=now()):
            if not task.get("_was_healthy"):
                with LOCK:
                    task["_was_healthy"] = True
                    deployments.note_healthy(service, task["_deployment_id"])
            continue
        if now() - task["startedAt"] < grace:
            continue
        if task["healthStatus"] == "UNHEALTHY":
            _reject(
                service,
                task,
                "Task failed container health checks",
                events.failing_container(task["taskArn"]),
            )
            continue
        failing = targeting.failing(task)
        if failing is not None:
            entry, why = failing
            said = events.failing_target(entry["port"], entry["group"], why)
            _reject(service, task, f"Task failed ELB health checks in (target-group {entry['group']})", said)


def _reject(service: Record, task: Record, reason: str, said: str) -> None:
    with LOCK:
        task["_failed_health"] = True
        events.say(service, said)
    tasks.halt(task, Halt("ServiceSchedulerInitiated", reason))
