"""A cluster that is scripted by values: services, their deployments, tasks and targets, as infra.aws would tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from infra.aws import Aws
from infra.aws.cloudformation import StackState
from infra.aws.ecs import Container, Host, ServiceDeployment, ServiceState, Task
from infra.aws.elb import Target
from infra.errors import NotFound
from tests.fakes import FakeLogs

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after noon, when the stack begins to change."""
    return NOON + timedelta(seconds=seconds)


def deployment(status: str = "SUCCESSFUL", *, began: float = 1, **more: Any) -> ServiceDeployment:
    """A service deployment of this deploy, finished ten seconds later."""
    values = {"status_reason": "", "target_revision": "r", "finished": at(began + 10)} | more
    return ServiceDeployment("arn:deployment", status, created=at(began), **values)


def service(
    name: str, definition: str, *, desired: int = 2, running: int = 2, groups: Iterable[str] = ()
) -> ServiceState:
    """A service as it is."""
    return ServiceState(
        name, f"arn:{name}", "ACTIVE", desired, running, 0, definition, target_groups=tuple(groups)
    )


def stopped(arn: str, definition: str, *, when: float = 20, **more: Any) -> Task:
    """A task that ended with exit code 3, made ten seconds before."""
    values: dict[str, Any] = {
        "stop_code": "EssentialContainerExited",
        "stopped_reason": "Essential container in task exited",
        "containers": (Container("web", exit_code=3),),
        "group": "service:shop-web",
    } | more
    return Task(
        arn=arn,
        status="STOPPED",
        created=at(when - 10),
        stopped=at(when),
        task_definition=definition,
        **values,
    )


@dataclass
class Cluster:
    """What the wall would say. `tasks_by_family` holds tasks of any state; `rollbacks` what was asked to stop."""

    states: dict[str, ServiceState] = field(default_factory=dict)
    deployments: dict[str, list[ServiceDeployment]] = field(default_factory=dict)
    tasks_by_family: dict[str, list[Task]] = field(default_factory=dict)
    targets: dict[str, list[Target]] = field(default_factory=dict)
    hosts: tuple[Host, ...] = ()
    stack: StackState | None = field(
        default_factory=lambda: StackState("yard-local-shop", "UPDATE_COMPLETE", updated=NOON)
    )
    said: FakeLogs = field(default_factory=FakeLogs)
    rollbacks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def wall(self) -> Aws:
        return cast(Aws, _Wall(self))


@dataclass
class _Wall:
    cluster: Cluster

    @property
    def ecs(self) -> _Wall:
        return self

    @property
    def elb(self) -> _Wall:
        return self

    @property
    def cloudformation(self) -> _Wall:
        return self

    @property
    def logs(self) -> FakeLogs:
        return self.cluster.said

    def stack(self, name: str) -> StackState | None:
        return self.cluster.stack

    def services(self, cluster: str, names: Iterable[str]) -> dict[str, ServiceState]:
        return {name: self.cluster.states[name] for name in names if name in self.cluster.states}

    def service_deployments(self, cluster: str, name: str) -> tuple[ServiceDeployment, ...]:
        if name not in self.cluster.deployments:
            raise NotFound("no such service")
        return tuple(self.cluster.deployments[name])

    def stop_service_deployment(self, arn: str, kind: str) -> None:
        self.cluster.rollbacks.append((arn, kind))

    def list_tasks(self, cluster: str, *, family: str, status: str = "RUNNING") -> tuple[str, ...]:
        found = self.cluster.tasks_by_family.get(family, [])
        return tuple(one.arn for one in found if (one.status == "STOPPED") == (status == "STOPPED"))

    def tasks(self, cluster: str, arns: Iterable[str]) -> tuple[Task, ...]:
        wanted = set(arns)
        return tuple(
            one for some in self.cluster.tasks_by_family.values() for one in some if one.arn in wanted
        )

    def stopped_tasks(self, cluster: str, *, family: str) -> tuple[Task, ...]:
        return tuple(one for one in self.cluster.tasks_by_family.get(family, []) if one.status == "STOPPED")

    def container_instances(self, cluster: str) -> tuple[Host, ...]:
        return self.cluster.hosts

    def target_health(self, group: str) -> tuple[Target, ...]:
        return tuple(self.cluster.targets.get(group, ()))
