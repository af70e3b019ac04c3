"""The verdict on a service, from ECS itself; anything that is not plainly a success is a failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra import naming
from infra.aws import Aws
from infra.aws.ecs import ServiceState
from infra.cause import cause_of
from infra.config import Config
from infra.errors import EstaleiroError
from infra.task_requests import service_output, task_output

POLL_SECONDS = 1.0


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
        """Return a sentence when every process of the service runs this release and stays up for the soak time.

        `since` is seconds since the epoch. Raises EstaleiroError for any other end.
        """
        states = self._states(service)
        for process, state in states.items():
            self._deployed(service, process, state, since)
        self._soak(service, states, since)
        return ", ".join(f"{process} {state.running}/{state.desired}" for process, state in states.items())

    def _states(self, service: str) -> dict[str, ServiceState]:
        names = {
            process: self._outputs[service][service_output(process)]
            for process in self._config.service(service).processes
        }
        found = self._aws.ecs.services(self._cluster, names.values())
        missing = [process for process, name in names.items() if name not in found]
        if missing:
            raise EstaleiroError(
                f"{service}: ECS does not know the services of {', '.join(missing)}; deploy again"
            )
        return {process: found[name] for process, name in names.items()}

    def _deployed(self, service: str, process: str, state: ServiceState, since: float) -> None:
        deadline = self._clock() + self._config.environment.deploy.service_seconds
        while True:
            deployments = self._aws.ecs.service_deployments(self._cluster, state.name)
            fresh = [
                one for one in deployments if one.created is not None and one.created.timestamp() >= since - 1
            ]
            status = fresh[0].status if fresh else "SUCCESSFUL"
            if status not in (
                "PENDING",
                "IN_PROGRESS",
                "STOP_REQUESTED",
                "ROLLBACK_REQUESTED",
                "ROLLBACK_IN_PROGRESS",
            ):
                break
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"{service} {process}: the deployment is still {status} after its time; see `logs`"
                )
            self._sleep(POLL_SECONDS)
        reason = fresh[0].status_reason if fresh else ""
        if status != "SUCCESSFUL":
            raise EstaleiroError(f"{service} {process}: ECS says {status}: {reason or 'no reason given'}")
        self._runs_ours(service, process, state)

    def _runs_ours(self, service: str, process: str, state: ServiceState) -> None:
        wanted = self._outputs[naming.release_part(service)][task_output(process)]
        now = self._aws.ecs.services(self._cluster, (state.name,))
        running = next(iter(now.values())).task_definition
        if running != wanted:
            raise EstaleiroError(
                f"{service} {process}: ECS runs {running.rpartition('/')[2]}, not {wanted.rpartition('/')[2]} "
                "of this release: it was rolled back"
            )

    def _soak(self, service: str, states: Mapping[str, ServiceState], since: float) -> None:
        """None of the release's tasks may stop by itself for the soak time."""
        wanted = {
            self._outputs[naming.release_part(service)][task_output(process)]: process for process in states
        }
        deadline = self._clock() + self._config.environment.deploy.soak_seconds
        environment = self._config.environment
        while self._clock() < deadline:
            self._sleep(min(POLL_SECONDS, max(deadline - self._clock(), 0)))
            for process in states:
                family = naming.task_family(environment.project, environment.name, service, process)
                for task in self._aws.ecs.stopped_tasks(self._cluster, family=family):
                    fresh = task.stopped is not None and task.stopped.timestamp() >= since
                    asked = task.stop_code in ("ServiceSchedulerInitiated", "UserInitiated")
                    if fresh and not asked and task.task_definition in wanted:
                        raise EstaleiroError(
                            f"{service} {process}: a task of this release stopped: {cause_of(task)}"
                        )
