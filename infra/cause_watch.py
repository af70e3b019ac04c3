"""Catches why tasks of a rollout stop while it runs, before a rollback erases it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra import naming
from infra.aws import Aws
from infra.aws.ecs import Task
from infra.cause import cause_of, log_stream
from infra.config import Config
from infra.errors import AwsError

LOOK_SECONDS = 2.0
TAIL_LINES = 20


class CauseWatch:
    """Looks at the stopped tasks of one service's families; keeps the first one that failed and its last log lines."""

    def __init__(self, aws: Aws, config: Config, outputs: Mapping[str, Mapping[str, str]], part: str) -> None:
        self._aws = aws
        self._config = config
        self._cluster = outputs.get("cluster", {}).get("ClusterName", "")
        self._service = next((service for service in config.services if service.name == part), None)
        self._began = time.time()
        self._looked = 0.0
        self._found: dict[str, tuple[Task, tuple[str, ...]]] = {}

    def sleeping(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """Return a sleep that looks first."""

        def looked(seconds: float) -> None:
            self.look()
            sleep(seconds)

        return looked

    def look(self) -> None:
        """Look for stopped tasks, at most every two seconds."""
        if self._service is None or not self._cluster or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        environment = self._config.environment
        group = naming.log_group(environment.project, environment.name, self._service.name)
        for process in self._service.processes:
            family = naming.task_family(environment.project, environment.name, self._service.name, process)
            try:
                stopped = self._aws.ecs.stopped_tasks(self._cluster, family=family)
            except AwsError:
                continue  # The verdict does not hang on this look; the next one may succeed.
            for task in stopped:
                self._note(process, task, group)

    def explained(self, reason: str) -> str:
        """Return the reason with the cause of the first failing task and its last log lines."""
        self._looked = 0.0
        self.look()
        if not self._found:
            return reason
        process, (task, lines) = next(iter(self._found.items()))
        tail = "".join(f"\n    {line}" for line in lines)
        return f"{reason}\n  {process}: {cause_of(task)}{tail}"

    def _note(self, process: str, task: Task, group: str) -> None:
        if process in self._found or (task.stop_code == "ServiceSchedulerInitiated" and _ended_well(task)):
            return
        if task.created is not None and task.created.timestamp() < self._began - 1:
            return
        lines = tuple(
            line
            for container in task.containers
            for line in self._aws.logs.tail(group, log_stream(task, container.name), TAIL_LINES)
        )
        self._found[process] = (task, lines)


def _ended_well(task: Task) -> bool:
    """Whether the scheduler stopped it for a reason of its own, such as a newer deployment."""
    return (
        task.stop_code == "ServiceSchedulerInitiated" and "failed" not in (task.stopped_reason or "").lower()
    )
