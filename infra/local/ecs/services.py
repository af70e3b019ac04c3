"""The service scheduler's look at one service: failures counted, health judged, tasks started and stopped, verdicts recorded."""

from __future__ import annotations

import math

from ministack.services import ecs

from infra.local.ecs import breaker, deployments, events, health, hosts, launch, rollout, tasks
from infra.local.ecs.records import LOCK, Record, definition, instances, now, tasks_of
from infra.local.ecs.records import tasks as all_tasks
from infra.local.ecs.rollout import Member
from infra.local.ecs.tasks import Halt

PROVEN_SECONDS = 30.0
"""A task that ran this long and then ended is replaced at once, whatever came before."""
IMPAIRED_FAILURES = 5
REPEAT_SECONDS = 60.0


def look(service: Record) -> None:
    """Do what is next for the service; called by the scheduler alone, every quarter of a second or when something happened."""
    if service["status"] == "DRAINING":
        _wind_down(service)
    elif service["status"] == "ACTIVE":
        health.judge(service)
        _act(service)
    with LOCK:
        _count(service)


def _count_failures(service: Record) -> None:
    """Count what has begun to stop for a failure since the last look.

    In one locked step with the reckoning of what starts next, which no longer counts such a task, or a pause would be missed.
    """
    group = f"service:{service['serviceName']}"
    for task in all_tasks():
        if task["group"] != group or task["clusterArn"] != service["clusterArn"]:
            continue
        if task["desiredStatus"] == "STOPPED" and not task.get("_counted"):
            task["_counted"] = True
            if tasks.is_failure(task):
                _count_failure(service, task)


def _count_failure(service: Record, task: Record) -> None:
    ran = task["stoppingAt"] - task["startedAt"] if task.get("startedAt") else 0.0
    service["_failures"] = 1 if ran >= PROVEN_SECONDS else service.get("_failures", 0) + 1
    service["_next_try"] = now() + breaker.pause(service["_failures"])
    service["_steady"] = False
    if service["_failures"] >= IMPAIRED_FAILURES:
        events.say_once(service, events.impaired(), seconds=REPEAT_SECONDS)
    if deployments.count_failure(service, task["_deployment_id"]):
        deployments.trip(service)


def _act(service: Record) -> None:
    with LOCK:
        _count_failures(service)
        _heed_requests(service)
        deployment = deployments.primary(service)
        desired = desired_count(service)
        members = _members(service, deployment)
        configured = service["deploymentConfiguration"]
        bounds = rollout.bounds(
            desired,
            minimum=int(configured["minimumHealthyPercent"]),
            maximum=int(configured["maximumPercent"]),
        )
        may_start = deployment["rolloutState"] != "FAILED" and now() >= service.get("_next_try", 0)
        step = rollout.step(members, desired, bounds, may_start=may_start)
        _settle(service, deployment, members, desired)
    _stop(service, step.stop, deployment)
    _start(service, step.start, deployment)


def desired_count(service: Record) -> int:
    """Return the desired count; a daemon service wants one task on every active host."""
    if service.get("schedulingStrategy") == "DAEMON":
        return len(hosts.candidates(service["clusterArn"], None))
    return int(service["desiredCount"])


def _heed_requests(service: Record) -> None:
    """Do what StopServiceDeployment asked for."""
    record = deployments.of(service)
    if record is None:
        return
    if record["status"] == "ROLLBACK_REQUESTED":
        deployments.roll_back(service, "Service deployment rolled back because of a user request.")
    elif record["status"] == "STOP_REQUESTED":
        deployments.abort(service)


def _members(service: Record, deployment: Record) -> list[Member]:
    moment = now()
    return [
        Member(
            task["taskArn"],
            current=task["_deployment_id"] == deployment["id"] and not _must_move(task),
            healthy=health.is_healthy(task, at=moment),
            leaving=task["desiredStatus"] == "STOPPED",
            created=task["createdAt"],
        )
        for task in tasks_of(service)
    ]


def _must_move(task: Record) -> bool:
    """Tell whether the task's host is draining: it is replaced as a rollout replaces old tasks."""
    host = instances.get(task.get("containerInstanceArn") or "")
    return host is not None and host["status"] == "DRAINING"


def _settle(service: Record, deployment: Record, members: list[Member], desired: int) -> None:
    if deployment["rolloutState"] == "IN_PROGRESS":
        if not rollout.is_done(members, desired, early=_early(service, desired)):
            return
        deployments.complete(service)
    if deployment["rolloutState"] != "COMPLETED":
        return
    service["deployments"] = [
        item
        for item in service["deployments"]
        if item["status"] == "PRIMARY"
        or any(task["_deployment_id"] == item["id"] for task in tasks_of(service))
    ]
    steady = rollout.is_done(members, desired) and len(members) == desired
    if steady and not service.get("_steady"):
        events.say(service, events.steady())
    service["_steady"] = steady


def _early(service: Record, desired: int) -> int | None:
    """Return how many healthy tasks make the deployment a success early; None when it is to wait for all."""
    criteria = service["deploymentConfiguration"].get("earlySuccessCriteria") or {}
    if not criteria.get("enable") or criteria.get("sourceServiceRevisionCleanup") == "BLOCKING":
        return None
    return math.ceil(desired * int(criteria.get("healthyPercent") or 100) / 100)


def _stop(service: Record, arns: tuple[str, ...], deployment: Record) -> None:
    going = [task for task in tasks_of(service) if task["taskArn"] in arns]
    for task in going:
        reason = f"Scaling activity initiated by (deployment {deployment['id']})"
        tasks.halt(task, Halt("ServiceSchedulerInitiated", reason))
    if going:
        with LOCK:
            events.say(service, events.stopped([task["taskArn"] for task in going]))


def _start(service: Record, count: int, deployment: Record) -> None:
    started = []
    for _ in range(count):
        made = launch.launch(order(service, deployment))
        if isinstance(made, launch.Refusal):
            with LOCK:
                _say_refusal(service, made)
            break
        started.append(made["taskArn"])
    if started:
        with LOCK:
            events.say(service, events.started(started))


def _say_refusal(service: Record, refusal: launch.Refusal) -> None:
    closest = next(iter(refusal.reasons.items()), None)
    text = events.no_capacity(*closest) if closest else events.no_hosts()
    events.say_once(service, text, seconds=REPEAT_SECONDS)


def order(service: Record, deployment: Record) -> tasks.Order:
    """Return what the service's next task is."""
    constraints = list(service.get("placementConstraints") or [])
    if service.get("schedulingStrategy") == "DAEMON":
        constraints.append({"type": "distinctInstance"})
    plain = tasks.Order(
        {"clusterArn": service["clusterArn"], "clusterName": service["clusterArn"].rsplit("/", 1)[-1]},
        definition(deployment["taskDefinition"]),
        f"service:{service['serviceName']}",
        started_by=deployment["id"],
        deployment=deployment["id"],
        network=service.get("networkConfiguration") or {},
        constraints=constraints,
        strategy=service.get("placementStrategy") or (),
        tags=_tags(service, definition(deployment["taskDefinition"])),
        execute_command=bool(service.get("enableExecuteCommand")),
    )
    return launch.with_capacity(
        plain, launch_type=service.get("launchType"), strategy=service.get("capacityProviderStrategy") or ()
    )


def _tags(service: Record, task_definition: Record) -> list[dict[str, str]]:
    source = {"SERVICE": service["serviceArn"], "TASK_DEFINITION": task_definition["taskDefinitionArn"]}
    found: list[dict[str, str]] = ecs._tags.get(source.get(service.get("propagateTags") or "NONE", ""), [])
    return found


def _wind_down(service: Record) -> None:
    """Stop the tasks of a deleted service; it is INACTIVE when the last one has stopped."""
    remaining = list(tasks_of(service))
    for task in remaining:
        if task["desiredStatus"] != "STOPPED":
            tasks.halt(task, Halt("ServiceSchedulerInitiated", "Service deleted"))
    if not remaining:
        with LOCK:
            service["status"] = "INACTIVE"
            service["deployments"] = []


def _count(service: Record) -> None:
    """Bring the counts of the service and its deployments up to date."""
    alive = list(tasks_of(service))
    _tally(service, alive)
    for deployment in service["deployments"]:
        own = [task for task in alive if task["_deployment_id"] == deployment["id"]]
        _tally(deployment, own)
        if deployment["status"] == "PRIMARY":
            deployment["desiredCount"] = service["desiredCount"]
        elif deployment["rolloutState"] != "FAILED":
            deployment["desiredCount"] = sum(task["desiredStatus"] == "RUNNING" for task in own)


def _tally(record: Record, alive: list[Record]) -> None:
    record["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in alive)
    record["pendingCount"] = sum(
        task["lastStatus"] in ("PROVISIONING", "PENDING", "ACTIVATING") and task["desiredStatus"] == "RUNNING"
        for task in alive
    )
