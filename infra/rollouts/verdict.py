"""The verdict on a service, from ECS itself; anything that is not plainly a success is a failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from infra import naming
from infra.aws import Aws
from infra.aws.ecs import ServiceDeployment, ServiceState
from infra.aws.elb import Target
from infra.config import Config
from infra.errors import EstaleiroError
from infra.rollouts.cause import is_failure
from infra.rollouts.failed_tasks import FailedTask, report
from infra.rollouts.watch import last_lines
from infra.tasks.requests import service_output, task_output

POLL_SECONDS = 1.0
# Balancers see a new target after two health checks; ECS calls a deployment done once its tasks are healthy.
TARGET_SECONDS = 60.0
# Clocks further apart than this cannot sign requests to AWS at all (Signature Version 4).
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class _Process:
    """One process of the service under judgement. `definition` is this release's, `finished` when its rollout ended."""

    label: str
    name: str
    ecs_service: str
    definition: str
    family: str
    finished: datetime | None = None


class Rollout:
    """Judges the ECS services of one environment."""

    def __init__(
        self,
        aws: Aws,
        config: Config,
        outputs: Mapping[str, Mapping[str, str]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._config = config
        self._outputs = outputs
        self._clock = clock
        self._sleep = sleep
        self._cluster = outputs["cluster"]["ClusterName"]

    def judge(self, service: str, *, since: float) -> str:
        """Return a sentence when every process of the service runs this release, gets traffic and stays up for the
        soak time.

        `since` is when the deploy began, in seconds since the epoch. Raises EstaleiroError for any other end.
        """
        earliest = self._earliest(service, since)
        processes = [self._deployed(process, earliest) for process in self._processes(service)]
        states = {process.name: self._serving(process) for process in processes}
        self._soak(service, processes)
        for process in processes:
            self._runs_ours(process)
        return ", ".join(f"{name} {state.running}/{state.desired}" for name, state in states.items())

    def _processes(self, service: str) -> list[_Process]:
        environment = self._config.environment
        release = self._outputs[naming.release_part(service)]
        return [
            _Process(
                label=f"{service} {name}",
                name=name,
                ecs_service=self._outputs[service][service_output(name)],
                definition=release[task_output(name)],
                family=naming.task_family(environment.project, environment.name, service, name),
            )
            for name in self._config.service(service).processes
        ]

    def _earliest(self, service: str, since: float) -> datetime:
        """Since when a deployment is this deploy's: the last change of the service's stack, by AWS's own clock."""
        environment = self._config.environment
        stack = self._aws.cloudformation.stack(
            naming.stack_name(environment.project, environment.name, service)
        )
        began = datetime.fromtimestamp(since, UTC) - CLOCK_TOLERANCE
        return max(began, stack.updated) if stack is not None and stack.updated else began

    def _state(self, process: _Process) -> ServiceState:
        found = self._aws.ecs.services(self._cluster, (process.ecs_service,)).values()
        if not found:
            raise EstaleiroError(
                f"{process.label}: ECS has no service {process.ecs_service}: somebody deleted it; deploy again"
            )
        return next(iter(found))

    def _deployed(self, process: _Process, earliest: datetime) -> _Process:
        """Wait until ECS has ended the rollout; one that is not SUCCESSFUL, or of another release, is a failure."""
        deadline = self._clock() + self._config.environment.deploy.service_seconds
        while (newest := self._newest(process, earliest)) is not None and not newest.is_finished:
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"{process.label}: the rollout is still {newest.status} after "
                    f"{self._config.environment.deploy.service_seconds} s; see `status` and `logs`, and deploy again"
                )
            self._sleep(POLL_SECONDS)
        if newest is not None and not newest.succeeded:
            raise EstaleiroError(
                f"{process.label}: ECS says {newest.status}: {newest.status_reason or 'no reason given'}; "
                "what ran before still runs: mend the cause and deploy again"
            )
        self._runs_ours(process)
        return replace(process, finished=newest.finished if newest else None)

    def _newest(self, process: _Process, earliest: datetime) -> ServiceDeployment | None:
        """This deploy's newest deployment; None where the stack changed nothing that needs one."""
        deployments = self._aws.ecs.service_deployments(self._cluster, process.ecs_service)
        return next((one for one in deployments if one.created is not None and one.created >= earliest), None)

    def _runs_ours(self, process: _Process) -> None:
        running = self._state(process).task_definition
        if running != process.definition:
            raise EstaleiroError(
                f"{process.label}: ECS runs {running.rpartition('/')[2]}, not "
                f"{process.definition.rpartition('/')[2]} of this release: it was rolled back, or somebody "
                "changed the service; deploy again"
            )

    def _serving(self, process: _Process) -> ServiceState:
        """Wait until as many tasks run, and as many targets are healthy, as there should be."""
        deadline = self._clock() + TARGET_SECONDS
        while True:
            state = self._state(process)
            lack = self._lack(state)
            if not lack:
                return state
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"{process.label}: {lack} {TARGET_SECONDS:.0f} s after its rollout; "
                    "see `logs`, and that the balancer may reach the hosts"
                )
            self._sleep(POLL_SECONDS)

    def _lack(self, state: ServiceState) -> str:
        if state.running < state.desired:
            return f"{state.running} of {state.desired} tasks run"
        for group in state.target_groups:
            targets = self._aws.elb.target_health(group)
            healthy = sum(target.state == "healthy" for target in targets)
            if healthy < state.desired:
                return f"{healthy} of {state.desired} targets are healthy{_ailing(targets)}"
        return ""

    def _soak(self, service: str, processes: list[_Process]) -> None:
        """None of the release's tasks may fail within the soak time after its rollout."""
        deadline = self._clock() + self._config.environment.deploy.soak_seconds
        before = {process.name: self._failed(process) for process in processes if process.finished is None}
        while True:
            failed = [
                one
                for process in processes
                for one in self._failed(process)
                if one not in before.get(process.name, ())
            ]
            if failed:
                told = [self._with_lines(service, one) for one in failed]
                raise EstaleiroError(f"{report(service, told)}\n{_SOAK_ADVICE}")
            left = deadline - self._clock()
            if left <= 0:
                return
            self._sleep(min(POLL_SECONDS, left))

    def _failed(self, process: _Process) -> list[FailedTask]:
        """The release's tasks that failed since its rollout ended; without a rollout, all that ECS remembers."""
        return [
            FailedTask(process.name, task)
            for task in self._aws.ecs.stopped_tasks(self._cluster, family=process.family)
            if task.task_definition == process.definition
            and is_failure(task)
            and (process.finished is None or (task.stopped is not None and task.stopped > process.finished))
        ]

    def _with_lines(self, service: str, failed: FailedTask) -> FailedTask:
        environment = self._config.environment
        group = naming.log_group(environment.project, environment.name, service)
        return FailedTask(failed.process, failed.task, last_lines(self._aws, group, failed.task))


def _ailing(targets: tuple[Target, ...]) -> str:
    ailing = [
        f"{target.id}:{target.port} {target.state} ({target.description or target.reason})"
        for target in targets
        if target.state != "healthy"
    ]
    return f" ({', '.join(ailing)})" if ailing else ""


_SOAK_ADVICE = "the rollout itself succeeded, so the release runs on: mend it, or go back with `rollback`"
