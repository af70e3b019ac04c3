"""A cluster with its group in memory, whose hosts do what a script says; time passes only by sleeping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from infra.aws import Aws
from infra.aws.autoscaling import Activity, Group, Member, Refresh
from infra.aws.ec2 import HostImage, Instance
from infra.aws.ecs import Host, ServiceState
from infra.fleet.hosts import Place
from infra.fleet.replacement import Patience, Replacement
from tests.fakes import Clock

PLACE = Place("yard", "yard-hosts")
PATIENCE = Patience(drain=600, connect=300)
OLD, NEW = "ami-old", "ami-new"


def host(instance: str, *, tasks: int = 1, connected: bool = True) -> Host:
    """A host that takes tasks."""
    return Host(
        arn=f"arn:{instance}", instance=instance, status="ACTIVE", connected=connected, running=tasks, pending=0,
        cpu=2048, memory=3800, free_cpu=1024, free_memory=1900, agent="1.105.1",
    )  # fmt: skip


@dataclass
class Cluster:
    """Hosts by instance. `never_drains` and `never_connects` name those that are sick; `max` bounds the group."""

    hosts: dict[str, Host]
    never_drains: frozenset[str] = frozenset()
    never_connects: frozenset[str] = frozenset()
    maximum: int = 9
    clock: Clock = field(default_factory=Clock)
    told: list[str] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    console: dict[str, str] = field(default_factory=dict)
    activities_said: tuple[Activity, ...] = ()
    refresh_states: list[Refresh] = field(default_factory=list)
    on_refresh_look: Callable[[Cluster], None] = lambda cluster: None
    services_running: int | None = None
    made: int = 0

    def __post_init__(self) -> None:
        self.members = self.members or list(self.hosts)
        self.clock.on_sleep = self.pass_time

    @property
    def wall(self) -> Aws:
        """The account that this cluster is in: one object plays each of its services."""
        return cast(Aws, _Wall(self))

    @property
    def replacement(self) -> Replacement:
        """The work under test."""
        return Replacement(
            self.wall, PLACE, patience=PATIENCE, clock=self.clock, sleep=self.clock.sleep,
            told=lambda instance, text: self.told.append(f"{instance} {text}"),
        )  # fmt: skip

    def pass_time(self, now: float) -> None:
        """Draining hosts lose their tasks to the others; new members connect."""
        for name, one in list(self.hosts.items()):
            if one.status == "DRAINING" and name not in self.never_drains and one.running:
                self.hosts[name] = replace(one, running=0)
                self._give(one.running)
        for name in self.members:
            if name not in self.hosts and name not in self.never_connects:
                self.hosts[name] = host(name, tasks=0)

    def _give(self, tasks: int) -> None:
        for name, one in self.hosts.items():
            if one.status == "ACTIVE":
                self.hosts[name] = replace(one, running=one.running + tasks)
                return

    # --- ECS
    def container_instances(self, cluster: str) -> tuple[Host, ...]:
        return tuple(self.hosts.values())

    def list_services(self, cluster: str) -> tuple[str, ...]:
        return ("movies-web",)

    def services(self, cluster: str, names: Any) -> dict[str, ServiceState]:
        running = sum(one.running for one in self.hosts.values())
        if any(one.status == "DRAINING" for one in self.hosts.values()) and self.services_running is not None:
            running = self.services_running
        state = ServiceState(
            "movies-web", "arn", "ACTIVE", desired=1, running=running, pending=0, task_definition="t"
        )
        return {"movies-web": state}

    def drain_host(self, cluster: str, arn: str) -> None:
        self._set(arn, "DRAINING")

    def activate_host(self, cluster: str, arn: str) -> None:
        self._set(arn, "ACTIVE")

    def deregister_host(self, cluster: str, arn: str, *, force: bool = False) -> None:
        self.told.append(f"deregistered {arn}")
        self.hosts.pop(arn.removeprefix("arn:"), None)

    def _set(self, arn: str, status: str) -> None:
        name = arn.removeprefix("arn:")
        self.hosts[name] = replace(self.hosts[name], status=status)

    # --- Auto Scaling
    def group(self, name: str) -> Group:
        members = tuple(Member(one, "InService", "Healthy", "eu-west-1a") for one in self.members)
        return Group(name, 1, self.maximum, len(members), members)

    def activities(self, name: str) -> tuple[Activity, ...]:
        return self.activities_said

    def terminate(self, instance: str) -> None:
        self.members.remove(instance)
        if self.hosts.get(instance, host(instance)).connected:
            self.hosts.pop(instance, None)
        self.launch()

    def launch(self, image: str = NEW) -> str:
        """Start one more member."""
        self.made += 1
        name = f"i-new{self.made}"
        self.members.append(name)
        self.images[name] = image
        return name

    def start_refresh(self, name: str, *, warm_up_seconds: int) -> str:
        self.told.append("refresh started")
        return "refresh-1"

    def refreshes(self, name: str) -> tuple[Refresh, ...]:
        self.on_refresh_look(self)
        return (self.refresh_states.pop(0) if len(self.refresh_states) > 1 else self.refresh_states[0],)

    def cancel_refresh(self, name: str) -> None:
        self.told.append("refresh cancelled")

    # --- EC2
    def instances(self, *, ids: Any = ()) -> tuple[Instance, ...]:
        return tuple(
            Instance(name, "running", "t3.medium", "eu-west-1a", self.images.get(name, OLD)) for name in ids
        )

    def image(self, id: str) -> HostImage | None:
        return HostImage(id, "Flatcar-stable-4593.2.5-hvm", "2026-08-01T00:00:00.000Z", "x86_64")

    def console_output(self, instance: str) -> str:
        return self.console.get(instance, "")


class _Wall:
    def __init__(self, cluster: Cluster) -> None:
        self.ecs = self.autoscaling = self.ec2 = cluster
