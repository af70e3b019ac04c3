"""RunTask, StartTask, StopTask and ListTasks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from ministack.services import ecs

from infra.local.ecs import hosts, launch, service_checks, tasks
from infra.local.ecs.records import (
    LOCK,
    EcsError,
    Record,
    cluster,
    definition,
    instances,
    tail,
)
from infra.local.ecs.records import (
    tasks as all_tasks,
)
from infra.local.ecs.tasks import Halt, Order

TOKENS_KEPT = 1000
MOST_TASKS = 10

_answers: OrderedDict[tuple[str, str], tuple[Record, Record]] = OrderedDict()
"""What RunTask answered by cluster and client token, for requests that are repeated."""


def run(data: Record) -> Record:
    """RunTask; a client token seen before gets the same tasks, or ConflictException when the request differs."""
    owner = cluster(data.get("cluster"))
    count = int(data.get("count") or 1)
    if not 1 <= count <= MOST_TASKS:
        raise EcsError("InvalidParameterException", f"count should be between 1 and {MOST_TASKS}.")
    token = (owner["clusterArn"], data.get("clientToken") or "")
    with LOCK:
        if token[1] and token in _answers:
            return _repeat(token, data)
        order = _order(data, owner)
        launch_type, strategy = service_checks.capacity(data, owner)
        if launch_type == "EC2" and not hosts.of_cluster(owner["clusterArn"]):
            raise EcsError("InvalidParameterException", "No Container Instances were found in your cluster.")
        made = []
        for _ in range(count):
            made.append(
                launch.launch(launch.with_capacity(order, launch_type=launch_type, strategy=strategy))
            )
        answer = _answer(made, owner)
        if token[1]:
            _answers[token] = (
                data,
                {"arns": [task["taskArn"] for task in answer["tasks"]], "failures": answer["failures"]},
            )
            while len(_answers) > TOKENS_KEPT:
                _answers.popitem(last=False)
    return answer


def _repeat(token: tuple[str, str], data: Record) -> Record:
    asked, answered = _answers[token]
    if asked != data:
        raise EcsError(
            "ConflictException",
            "The client token was used with another request; the requests should be equal.",
        )
    found = [ecs._sanitize(ecs._tasks.get(arn)) for arn in answered["arns"] if ecs._tasks.get(arn)]
    return {"tasks": found, "failures": answered["failures"]}


def _order(data: Record, owner: Record) -> Order:
    task_definition = definition(data.get("taskDefinition") or "")
    if task_definition["status"] != "ACTIVE":
        raise EcsError("ClientException", "TaskDefinition is inactive")
    overrides = data.get("overrides") or {}
    known = {item["name"] for item in task_definition["containerDefinitions"]}
    for item in overrides.get("containerOverrides") or []:
        if item.get("name") not in known:
            raise EcsError(
                "InvalidParameterException",
                f"Override for container named {item.get('name')} is not a container in the TaskDefinition.",
            )
    return Order(
        owner,
        task_definition,
        data.get("group") or f"family:{task_definition['family']}",
        overrides=overrides,
        started_by=data.get("startedBy") or "",
        network=data.get("networkConfiguration") or {},
        constraints=[
            *(task_definition.get("placementConstraints") or []),
            *(data.get("placementConstraints") or []),
        ],
        strategy=data.get("placementStrategy") or (),
        tags=_tags(data, task_definition),
        execute_command=bool(data.get("enableExecuteCommand")),
    )


def _tags(data: Record, task_definition: Record) -> list[dict[str, str]]:
    inherited = ecs._tags.get(task_definition["taskDefinitionArn"], []) if data.get("propagateTags") else []
    return [*inherited, *(data.get("tags") or [])]


def _answer(made: list[Record | launch.Refusal], owner: Record) -> Record:
    started = [ecs._sanitize(item) for item in made if not isinstance(item, launch.Refusal)]
    failures: list[dict[str, Any]] = []
    for item in made:
        if isinstance(item, launch.Refusal):
            reasons = item.reasons or {owner["clusterArn"]: "RESOURCE:*"}
            failures += [{"arn": arn, "reason": reason} for arn, reason in reasons.items()]
    return {"tasks": started, "failures": failures}


def start(data: Record) -> Record:
    """StartTask: on the named container instances, whatever placement would say."""
    owner = cluster(data.get("cluster"))
    order = replace(_order(data, owner), launch_type="EC2")
    made, failures = [], []
    with LOCK:
        for reference in data.get("containerInstances") or []:
            record = next((item for arn, item in instances.items() if tail(arn) == tail(reference)), None)
            if record is None:
                failures.append({"arn": reference, "reason": "MISSING"})
            elif record["status"] != "ACTIVE" or not record["agentConnected"]:
                failures.append(
                    {"arn": reference, "reason": "AGENT" if record["status"] == "ACTIVE" else "INACTIVE"}
                )
            else:
                made.append(ecs._sanitize(launch.begin(order, host=record["containerInstanceArn"])))
    return {"tasks": made, "failures": failures}


def stop(data: Record) -> Record:
    """StopTask: SIGTERM, the stop timeout, SIGKILL; the answer comes before the task has stopped."""
    owner = cluster(data.get("cluster"))
    task = ecs._resolve_task(data.get("task") or "", owner["clusterName"])
    if task is None:
        raise EcsError("InvalidParameterException", "The referenced task was not found.")
    if task["lastStatus"] != "STOPPED":
        tasks.halt(task, Halt("UserInitiated", data.get("reason") or "Task stopped by user"))
    return {"task": ecs._sanitize(task)}


def list_tasks(data: Record) -> Record:
    """ListTasks with every filter that ECS has; stopped tasks are listed when asked for, for an hour."""
    owner = cluster(data.get("cluster"))
    wanted = {
        "desiredStatus": data.get("desiredStatus") or "RUNNING",
        "startedBy": data.get("startedBy"),
        "launchType": data.get("launchType"),
        "group": f"service:{tail(data['serviceName'])}" if data.get("serviceName") else None,
    }
    host = data.get("containerInstance")
    found = [
        task["taskArn"]
        for task in all_tasks()
        if task["clusterArn"] == owner["clusterArn"]
        and all(value is None or task.get(field) == value for field, value in wanted.items())
        and (not data.get("family") or tail(task["taskDefinitionArn"]).split(":")[0] == data["family"])
        and (not host or tail(task.get("containerInstanceArn") or "") == tail(host))
    ]
    return page(found, data, "taskArns")


def page(found: list[Any], data: Record, name: str) -> Record:
    """Return a page of the list under `name`, and `nextToken` when there is more."""
    first, size = int(data.get("nextToken") or 0), int(data.get("maxResults") or 100)
    rest = {"nextToken": str(first + size)} if first + size < len(found) else {}
    return {name: found[first : first + size]} | rest
