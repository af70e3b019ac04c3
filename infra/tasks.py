"""One-off tasks, done right: started once, watched to the end, judged by every essential container's exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.aws import Aws
from infra.aws.ecs import Network, PlacementFailure, Task, TaskOverrides
from infra.cause import cause_of, log_stream
from infra.errors import EstaleiroError

POLL_SECONDS = 0.5
Lines = Callable[[str], None]


@dataclass(frozen=True)
class TaskRequest:
    """What to run and where. Times in seconds; `token` makes the start idempotent (ECS clientToken)."""

    service: str
    task_definition: str
    cluster: str
    log_group: str
    token: str
    capacity_provider: str | None = None
    network: Network | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None
    deadline: int = 3600
    placement: int = 600


@dataclass(frozen=True)
class TaskResult:
    """How a one-off task ended. `exit_code` is the worst essential container's; None when ECS knows none."""

    task: str
    exit_code: int | None
    cause: str
    tail: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Only a known zero is success: a host that was lost leaves no exit code."""
        return self.exit_code == 0


class TaskRunner:
    """Runs one task at a time to its end; `line` gets each log line as it comes."""

    def __init__(
        self,
        aws: Aws,
        *,
        line: Lines = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._line = line
        self._clock = clock
        self._sleep = sleep

    def run(self, request: TaskRequest) -> TaskResult:
        """Start, wait for STOPPED, and judge. On interrupt or deadline the task is stopped.

        Raises EstaleiroError when it could not be placed or did not end in time.
        """
        task = self.start(request)
        try:
            task = self._until_stopped(request, task)
        except BaseException:
            self._aws.ecs.stop_task(request.cluster, task.arn, "Stopped by the command that started it")
            raise
        return self._judged(request, task)

    def start(self, request: TaskRequest) -> Task:
        """Start the task; only placement failures are tried again, never a started task."""
        deadline = self._clock() + request.placement
        while True:
            answer = self._aws.ecs.run_task(
                cluster=request.cluster,
                task_definition=request.task_definition,
                network=request.network,
                capacity_provider=request.capacity_provider,
                overrides=_overrides(request),
                client_token=request.token,
                started_by=request.token[:36],
            )
            if not isinstance(answer, PlacementFailure):
                return answer
            if not answer.retriable or self._clock() >= deadline:
                raise EstaleiroError(
                    f"a task of {request.service} could not be placed: {answer.reason}; "
                    "give the hosts more room (hosts.max, hosts.instance_types) or the task less cpu and memory"
                )
            self._sleep(POLL_SECONDS * 4)

    def _until_stopped(self, request: TaskRequest, task: Task) -> Task:
        deadline = self._clock() + request.deadline
        follower = _Follower(self._aws, request, self._line)
        while task.status != "STOPPED":
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"a task of {request.service} did not end within {request.deadline} s and was stopped; "
                    "look at its log, or raise deploy.task_seconds"
                )
            self._sleep(POLL_SECONDS)
            follower.show(task)
            task = self._aws.ecs.task(request.cluster, task.arn)
        follower.flush(task, self._sleep)
        return task

    def _judged(self, request: TaskRequest, task: Task) -> TaskResult:
        definition = self._aws.ecs.task_definition(request.task_definition)
        essential = {
            container["name"]
            for container in definition["containerDefinitions"]
            if container.get("essential", True)
        }
        codes = [container.exit_code for container in task.containers if container.name in essential]
        code = None if not codes or None in codes else max(code for code in codes if code is not None)
        cause = "" if code == 0 else cause_of(task)
        tail = () if code == 0 else _tail(self._aws, request, task)
        return TaskResult(task.arn, code, cause, tail)


class _Follower:
    """Shows each log line of a task once, in order."""

    def __init__(self, aws: Aws, request: TaskRequest, line: Lines) -> None:
        self._aws, self._request, self._line = aws, request, line
        self._shown: set[str] = set()

    def show(self, task: Task) -> int:
        """Print what is new; return how many lines that was."""
        streams = [log_stream(task, container.name) for container in task.containers]
        events = self._aws.logs.events(self._request.log_group, streams=streams)
        fresh = [event for event in events if event.id not in self._shown]
        for event in fresh:
            self._shown.add(event.id)
            self._line(event.message)
        return len(fresh)

    def flush(self, task: Task, sleep: Callable[[float], None]) -> None:
        """CloudWatch shows lines late: look again until nothing new comes, and once more at least."""
        self.show(task)
        for _ in range(4):
            sleep(POLL_SECONDS)
            if not self.show(task):
                return


def _overrides(request: TaskRequest) -> TaskOverrides:
    return TaskOverrides(
        command=request.command, environment=dict(request.environment), cpu=request.cpu, memory=request.memory
    )


def _tail(aws: Aws, request: TaskRequest, task: Task) -> tuple[str, ...]:
    lines: list[str] = []
    for container in task.containers:
        lines.extend(aws.logs.tail(request.log_group, log_stream(task, container.name), 20))
    return tuple(lines)
