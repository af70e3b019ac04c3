"""Tasks: started once, then asked for until they stop. A task that was never placed is an answer, not an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.aws import tags as spelling
from infra.aws.batches import batches
from infra.aws.client import Client
from infra.aws.ecs.task_values import Network, PlacementFailure, Task, TaskOverrides, task
from infra.aws.waiting import Sleep
from infra.errors import AwsError, NotFound

# A task may be unknown to DescribeTasks for a moment after RunTask (ECS: eventually consistent).
_UNKNOWN_YET_TRIES = 4


class Tasks:
    """Running, watching and stopping tasks."""

    _client: Client
    _sleep: Sleep

    def run_task(  # noqa: PLR0913  (RunTask's own breadth; all by keyword)
        self,
        *,
        cluster: str,
        task_definition: str,
        network: Network | None = None,
        capacity_provider: str | None = None,
        launch_type: str | None = None,
        overrides: TaskOverrides | None = None,
        started_by: str = "",
        client_token: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Task | PlacementFailure:
        """Start one task, once for a `client_token`. Where it goes: the provider, else the launch type, else the
        cluster's own strategy. Raises AwsError where the request itself is refused.
        """
        request: dict[str, Any] = {"cluster": cluster, "taskDefinition": task_definition, "count": 1}
        request |= _placed(network, capacity_provider, launch_type)
        request |= {"startedBy": started_by[:128]} if started_by else {}
        request |= {"clientToken": client_token} if client_token else {}
        request |= {"tags": spelling.to_ecs(tags)} if tags else {}
        overrides = overrides or TaskOverrides()
        changed = self._overrides(task_definition, overrides)
        if changed:
            # On Fargate, where tasks have an address of their own, the container's size must fit the task's.
            size = {"cpu": overrides.cpu, "memory": overrides.memory} if network else {}
            whole = {name: str(value) for name, value in size.items() if value}
            request |= {"overrides": {"containerOverrides": [changed], **whole}}
        try:
            answer = self._client.call("run_task", **request)
        except AwsError as error:
            if error.code == "InvalidParameterException" and "no container instances" in str(error).lower():
                return PlacementFailure("NO_HOSTS", "the cluster has no host yet")
            raise
        if answer.get("tasks"):
            return task(answer["tasks"][0])
        failures = answer.get("failures") or ({"reason": "RESOURCE", "detail": "ECS named no reason"},)
        first = failures[0]
        return PlacementFailure(first.get("reason", ""), first.get("detail", ""), first.get("arn", ""))

    def task(self, cluster: str, arn: str) -> Task:
        """Return one task. Raises NotFound; ECS forgets a stopped task after about an hour."""
        for attempt in range(_UNKNOWN_YET_TRIES):
            if found := self.tasks(cluster, [arn]):
                return found[0]
            if attempt < _UNKNOWN_YET_TRIES - 1:
                self._sleep(0.5)
        raise NotFound(
            f"ECS knows no task {arn}; it forgets stopped tasks after about an hour", code="MISSING"
        )

    def tasks(self, cluster: str, arns: Iterable[str]) -> tuple[Task, ...]:
        """Return those of the tasks that ECS still knows, in the order asked for."""
        wanted = tuple(arns)
        found: dict[str, Task] = {}
        # DescribeTasks takes 100 at a time.
        for batch in batches(wanted, 100):
            answer = self._client.call("describe_tasks", cluster=cluster, tasks=list(batch))
            found |= {entry["taskArn"]: task(entry) for entry in answer.get("tasks") or ()}
        return tuple(found[arn] for arn in dict.fromkeys(wanted) if arn in found)

    def list_tasks(
        self,
        cluster: str,
        *,
        service: str | None = None,
        family: str | None = None,
        status: str = "RUNNING",
    ) -> tuple[str, ...]:
        """Return the ARNs of tasks that ECS means to be in `status` (RUNNING or STOPPED)."""
        more = {"serviceName": service} if service else {}
        more |= {"family": family} if family else {}
        return tuple(
            self._client.items("list_tasks", "taskArns", cluster=cluster, desiredStatus=status, **more)
        )

    def stopped_tasks(
        self,
        cluster: str,
        *,
        service: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
    ) -> tuple[Task, ...]:
        """Return the stopped tasks that ECS still knows, oldest stop first.

        `started_by` (a deployment's id, for a service's tasks) is compared here: as ListTasks' filter it would have
        to stand alone.
        """
        arns = self.list_tasks(cluster, service=service, family=family, status="STOPPED")
        found = [
            one for one in self.tasks(cluster, arns) if started_by is None or one.started_by == started_by
        ]
        return tuple(sorted(found, key=lambda one: one.stopped.timestamp() if one.stopped else float("inf")))

    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        """Ask a task to stop; one that is gone is fine."""
        try:
            self._client.call("stop_task", cluster=cluster, task=arn, reason=reason[:255])
        except NotFound:
            return

    def _overrides(self, task_definition: str, overrides: TaskOverrides) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        if overrides.command:
            changed["command"] = list(overrides.command)
        if overrides.environment:
            changed["environment"] = [
                {"name": name, "value": overrides.environment[name]} for name in sorted(overrides.environment)
            ]
        changed |= {"cpu": overrides.cpu} if overrides.cpu else {}
        changed |= {"memory": overrides.memory} if overrides.memory else {}
        if not changed:
            return {}
        return {"name": overrides.container or self._only_container(task_definition), **changed}

    def _only_container(self, task_definition: str) -> str:
        answer = self._client.call("describe_task_definition", taskDefinition=task_definition)
        containers = answer["taskDefinition"]["containerDefinitions"]
        essential = [entry["name"] for entry in containers if entry.get("essential", True)]
        if len(essential) != 1:
            raise AwsError(
                f"{task_definition} has {len(essential)} essential containers; say which one to change"
            )
        return str(essential[0])


def _placed(network: Network | None, provider: str | None, launch_type: str | None) -> dict[str, Any]:
    request: dict[str, Any] = {}
    if provider:
        request["capacityProviderStrategy"] = [{"capacityProvider": provider, "weight": 1}]
    elif launch_type:
        request["launchType"] = launch_type
    if network:
        request["networkConfiguration"] = {
            "awsvpcConfiguration": {
                "subnets": list(network.subnets),
                "securityGroups": list(network.security_groups),
                "assignPublicIp": "ENABLED" if network.public_ip else "DISABLED",
            }
        }
    return request
