"""Watches the rollout of one service stack: keeps why its tasks fail before a rollback erases it, and ends a rollout
that waits for room which does not come.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from infra import naming
from infra.aws import Aws
from infra.aws.ecs import ServiceDeployment, Task
from infra.config import Config
from infra.errors import AwsError
from infra.rollouts.cause import Cause, is_failure, log_stream
from infra.rollouts.failed_tasks import TAIL_LINES, FailedTask, alike, no_room, report
from infra.tasks.requests import service_output, task_output

LOOK_SECONDS = 2.0
STUCK = "UPDATE_ROLLBACK_FAILED"
# What CloudFormation wraps around a resource handler's words.
_HANDLER = re.compile(
    r'Resource handler returned message: "(.*?)" \(RequestToken: [\w-]+, HandlerErrorCode: \w+\)'
)


class CauseWatch:
    """Looks at one service's tasks while its stack is changed. For any other stack every method does nothing.

    Only tasks of this rollout count: those of this release's task definitions, made since the stack began to change.
    `told` hears what each of them is about.
    """

    def __init__(
        self,
        aws: Aws,
        config: Config,
        outputs: Mapping[str, Mapping[str, str]],
        part: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        told: Callable[[str, str], None] = lambda about, text: None,
    ) -> None:
        self._aws = aws
        self._config = config
        self._clock = clock
        self._told = told
        self._said: dict[str, str] = {}
        self._cluster = outputs.get("cluster", {}).get("ClusterName", "")
        self._service = next((service for service in config.services if service.name == part), None)
        release = outputs.get(naming.release_part(part), {})
        processes = self._service.processes if self._service else {}
        self._ours = {process: release.get(task_output(process), "") for process in processes}
        own = outputs.get(part, {})
        self._names = {process: own[key] for process in processes if (key := service_output(process)) in own}
        self._began = self._beginning(part) if self._service else None
        self._looked = float("-inf")
        self._known: set[str] = set()
        self._failed: list[FailedTask] = []
        self._waiting: dict[str, float] = {}
        self._no_room: dict[str, Cause] = {}

    def sleeping(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """Return a sleep that looks first."""

        def looked(seconds: float) -> None:
            self.look()
            sleep(seconds)

        return looked

    def look(self) -> None:
        """Look for tasks that failed, or that no host takes, at most every two seconds."""
        if self._service is None or not self._cluster or self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()
        for process in self._ours:
            # The verdict does not hang on this look; the next one may succeed.
            with contextlib.suppress(AwsError):
                self._look_for_failures(process)
                self._look_for_room(process)

    def explained(self, reason: str) -> str:
        """Return what went wrong, plainest first: the failing tasks, ECS's own word, then `reason` (CloudFormation's)."""
        if self._service is None:
            return _with_way_out(reason)
        self._looked = float("-inf")
        self.look()
        name = self._service.name
        parts = [f"{name} {process}: {cause.sentence}" for process, cause in self._no_room.items()]
        parts += [report(name, self._with_lines())] if self._failed else []
        ended = self._deployments()
        if not parts:
            parts += [
                _stopped_by_somebody(name, process, one)
                for process, one in ended.items()
                if _was_stopped(one)
            ]
        parts += [_ecs_says(name, process, one) for process, one in ended.items()]
        return "\n".join([*parts, _with_way_out(reason)])

    def _beginning(self, part: str) -> datetime | None:
        """When the stack began to change, by AWS's clock: ours may be wrong."""
        environment = self._config.environment
        try:
            state = self._aws.cloudformation.stack(
                naming.stack_name(environment.project, environment.name, part)
            )
        except AwsError:
            return None
        return state.updated if state else None

    def _family(self, process: str) -> str:
        environment = self._config.environment
        service = self._service.name if self._service else ""
        return naming.task_family(environment.project, environment.name, service, process)

    def _look_for_failures(self, process: str) -> None:
        arns = self._aws.ecs.list_tasks(self._cluster, family=self._family(process), status="STOPPED")
        fresh = [arn for arn in arns if arn not in self._known]
        for task in self._aws.ecs.tasks(self._cluster, fresh) if fresh else ():
            # A task may still be on its way down, and its exit codes unknown.
            if task.status == "STOPPED":
                self._known.add(task.arn)
                self._tell(process, task)
                if self._is_ours(process, task) and is_failure(task):
                    self._failed.append(FailedTask(process, task))

    def _look_for_room(self, process: str) -> None:
        """End the rollout when a task has waited for a host longer than deploy.placement_seconds."""
        if process in self._no_room:
            return
        patience = self._config.environment.deploy.placement_seconds
        arns = self._aws.ecs.list_tasks(self._cluster, family=self._family(process))
        for task in self._aws.ecs.tasks(self._cluster, arns) if arns else ():
            self._tell(process, task)
            if task.status != "PROVISIONING" or not self._is_ours(process, task):
                self._waiting.pop(task.arn, None)
            elif self._clock() - self._waiting.setdefault(task.arn, self._clock()) >= patience:
                self._no_room[process] = self._room_for(process)
                self._give_up(process, task.group.removeprefix("service:"))
                return

    def _tell(self, process: str, task: Task) -> None:
        """Tell each state of each task of this rollout once."""
        health = f", {task.health.lower()}" if task.health in ("HEALTHY", "UNHEALTHY") else ""
        about, text = f"{service_output(process)}/task {task.id[:8]}", f"{task.status}{health}"
        if self._is_ours(process, task) and self._said.get(about) != text:
            self._said[about] = text
            self._told(about, text)

    def _room_for(self, process: str) -> Cause:
        assert self._service is not None  # noqa: S101
        wanted = self._service.processes[process]
        waited = self._config.environment.deploy.placement_seconds
        cause = no_room(wanted.cpu, wanted.memory, self._aws.ecs.container_instances(self._cluster))
        return replace(cause, why=f"no host took its task within {waited} s: {cause.why}")

    def _give_up(self, process: str, service: str) -> None:
        """ECS would wait for room without end. A first rollout has nothing to go back to, so it is aborted."""
        for one in self._aws.ecs.service_deployments(self._cluster, service)[:1]:
            if one.status in ("PENDING", "IN_PROGRESS"):
                self._aws.ecs.stop_service_deployment(
                    one.arn, "ROLLBACK" if process in self._names else "ABORT"
                )

    def _is_ours(self, process: str, task: Task) -> bool:
        early = self._began is not None and task.created is not None and task.created < self._began
        return task.task_definition == self._ours[process] and not early

    def _with_lines(self) -> list[FailedTask]:
        """Read the last lines of one task of each group; the log group outlives the service."""
        assert self._service is not None  # noqa: S101
        environment = self._config.environment
        group = naming.log_group(environment.project, environment.name, self._service.name)
        shown = {failed[-1].task.arn for failed in alike(self._failed)}
        return [
            replace(one, lines=last_lines(self._aws, group, one.task)) if one.task.arn in shown else one
            for one in self._failed
        ]

    def _deployments(self) -> dict[str, ServiceDeployment]:
        """This rollout's deployment of each process: the first since the stack began to change; later ones undo it."""
        found: dict[str, ServiceDeployment] = {}
        names = self._names | {one.process: one.task.group.removeprefix("service:") for one in self._failed}
        for process, name in names.items():
            # The services of a create that was rolled back are gone.
            with contextlib.suppress(AwsError):
                deployments = self._aws.ecs.service_deployments(self._cluster, name)
                since = [one for one in deployments if _since(one, self._began)]
                if since and not since[-1].succeeded:
                    found[process] = since[-1]
        return found


def last_lines(aws: Aws, group: str, task: Task) -> tuple[str, ...]:
    """Return the last lines that a task's containers said; none where they cannot be read."""
    lines: list[str] = []
    for container in task.containers:
        with contextlib.suppress(AwsError):
            lines += aws.logs.tail(group, log_stream(task, container.name), TAIL_LINES)
    return tuple(lines)


def _since(deployment: ServiceDeployment, began: datetime | None) -> bool:
    return began is not None and deployment.created is not None and deployment.created >= began


def _was_stopped(deployment: ServiceDeployment) -> bool:
    """ECS ends a deployment by itself at the breaker's threshold, or for a newer one; else somebody asked for it."""
    by_breaker = deployment.threshold and deployment.failures >= deployment.threshold
    return not by_breaker and "newer deployment" not in deployment.status_reason


def _stopped_by_somebody(service: str, process: str, deployment: ServiceDeployment) -> str:
    return (
        f"{service} {process}: somebody stopped its rollout (StopServiceDeployment) while it was under way; "
        "find out who and why, and deploy again"
    )


def _ecs_says(service: str, process: str, deployment: ServiceDeployment) -> str:
    count = f", {deployment.failures} of {deployment.threshold} failures" if deployment.threshold else ""
    reason = deployment.status_reason or "no reason given"
    return f"ECS, {service} {process}: {deployment.status}{count}: {reason}"


def _with_way_out(reason: str) -> str:
    reason = _HANDLER.sub(r"\1", reason)
    advice = "mend what keeps it from going back, then deploy again: that continues the rollback first"
    return f"{reason}; {advice}" if STUCK in reason else reason
