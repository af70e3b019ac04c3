"""One-off tasks, done right: started once, watched to the end, judged by every essential container's exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.aws import Aws
from infra.aws.ecs import Network, PlacementFailure, Task, TaskOverrides
from infra.aws.failures import is_passing
from infra.errors import AwsError, EstaleiroError, NotFound
from infra.rollouts.cause import cause_of
from infra.tasks.log import LogFollower, last_lines

POLL_SECONDS, SLOWEST_POLL_SECONDS = 0.5, 5.0
STOP_SECONDS = 150  # ECS kills a container at most 120 s after it asked it to stop
ENDED_BY_ITSELF = "EssentialContainerExited"
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
    """How a one-off task ended. `exit_code` is the worst essential container's; None when ECS knows none.

    `stopped` says that it did not end by itself: somebody, or a lost Spot host, stopped it.
    """

    task: str
    exit_code: int | None
    cause: str
    tail: tuple[str, ...]
    stopped: bool = False

    @property
    def succeeded(self) -> bool:
        """Only a known zero of a task that ended by itself is success: a program told to stop may say zero too."""
        return self.exit_code == 0 and not self.stopped

    @property
    def spoke_for_itself(self) -> bool:
        """Whether the program ended with a code of its own choice; above 125 speak the shell and signals."""
        chosen = self.exit_code is not None and self.exit_code <= 125
        return chosen and not self.stopped and self.cause.startswith("it exited with code")

    @property
    def explanation(self) -> str:
        """Why it failed, with its last log lines below."""
        return "\n".join([self.cause, *(f"  | {line}" for line in self.tail)])


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

        Raises EstaleiroError when it could not be placed, did not end in time, or is no longer known.
        """
        task = self.start(request)
        follower = LogFollower(self._aws, request.log_group, self._line)
        try:
            task = self._until_stopped(request, task, follower)
        except _OverdueError:
            raise
        except BaseException as error:
            self._stop(request, task, error)
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

    def _until_stopped(self, request: TaskRequest, task: Task, follower: LogFollower) -> Task:
        began = self._clock()
        while task.status != "STOPPED":
            waited = self._clock() - began
            if waited >= request.deadline:
                raise self._overdue(request, task, follower)
            # A long task is asked about less often: a tenth of its age, so that its end is seen soon enough.
            self._sleep(min(max(POLL_SECONDS, waited / 10), SLOWEST_POLL_SECONDS))
            task = self._looked_at(request, task, follower)
        follower.flush(task, self._sleep)
        return task

    def _looked_at(self, request: TaskRequest, task: Task, follower: LogFollower) -> Task:
        """Return the task as it is now; a network that fails for a while is no reason to end a migration."""
        try:
            follower.show(task)
            return self._aws.ecs.task(request.cluster, task.arn)
        except NotFound as error:
            raise EstaleiroError(
                f"a task of {request.service} vanished: {error}; look at its log before running it again"
            ) from error
        except AwsError as error:
            if not is_passing(error):
                raise
            return task

    def _stop(self, request: TaskRequest, task: Task, reason: BaseException) -> None:
        """Stop a task that is no longer watched. Raises EstaleiroError when that fails: it may still be at work."""
        try:
            self._aws.ecs.stop_task(request.cluster, task.arn, "Stopped by the command that started it")
        except AwsError as error:
            raise EstaleiroError(
                f"a task of {request.service} is no longer watched ({reason}) and could not be stopped: {error}; "
                f"it may still run as {task.arn}"
            ) from error

    def _overdue(self, request: TaskRequest, task: Task, follower: LogFollower) -> _OverdueError:
        """Stop the task, see it end, and say so with its last words."""
        self._aws.ecs.stop_task(request.cluster, task.arn, f"Did not end within {request.deadline} s")
        patience = self._clock() + STOP_SECONDS
        while task.status != "STOPPED" and self._clock() < patience:
            self._sleep(POLL_SECONDS)
            task = self._looked_at(request, task, follower)
        follower.flush(task, self._sleep)
        lines = "".join(f"\n  | {line}" for line in last_lines(self._aws, request.log_group, task))
        return _OverdueError(
            f"a task of {request.service} did not end within {request.deadline} s and was stopped; "
            f"look at its log, or raise deploy.task_seconds{lines}"
        )

    def _judged(self, request: TaskRequest, task: Task) -> TaskResult:
        definition = self._aws.ecs.task_definition(request.task_definition)
        essential = {
            container["name"]
            for container in definition["containerDefinitions"]
            if container.get("essential", True)
        }
        codes = {
            container.name: container.exit_code
            for container in task.containers
            if container.name in essential
        }
        known = [code for code in codes.values() if code is not None]
        code = max(known) if known and len(known) == len(essential) else None
        stopped = task.stop_code not in (None, ENDED_BY_ITSELF)
        if code == 0 and not stopped:
            return TaskResult(task.arn, 0, "", ())
        cause = (
            cause_of(task)
            if code != 0
            else f"it was stopped before its end ({task.stopped_reason or task.stop_code})"
        )
        return TaskResult(task.arn, code, cause, last_lines(self._aws, request.log_group, task), stopped)


class _OverdueError(EstaleiroError):
    """The deadline passed, and the task was stopped for it."""


def _overrides(request: TaskRequest) -> TaskOverrides:
    return TaskOverrides(
        command=request.command, environment=dict(request.environment), cpu=request.cpu, memory=request.memory
    )
