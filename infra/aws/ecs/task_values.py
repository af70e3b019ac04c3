"""What we say to and know of tasks: frozen values, read from ECS's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Network:
    """Where an awsvpc task's interface goes."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    public_ip: bool = False


@dataclass(frozen=True)
class TaskOverrides:
    """What one run changes: CPU in units, memory in MiB; `container` is whose, if there are several."""

    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None
    container: str = ""


@dataclass(frozen=True)
class PlacementFailure:
    """Why ECS started nothing, e.g. `RESOURCE:MEMORY`, `AGENT`."""

    reason: str
    detail: str = ""
    host: str = ""

    @property
    def retriable(self) -> bool:
        """True where more room or a host that comes back would help."""
        if self.reason == "AGENT" or self.reason.startswith(("RESOURCE", "NO_HOSTS")):
            return True
        return "capacity is unavailable" in f"{self.reason} {self.detail}".lower()


@dataclass(frozen=True)
class Container:
    """One container of a task. No exit code means that nobody saw it end."""

    name: str
    exit_code: int | None = None
    reason: str | None = None
    health: str | None = None
    runtime_id: str | None = None
    image: str = ""
    status: str = ""


@dataclass(frozen=True)
class Task:
    """A task as ECS describes it. `host` is the container instance's ARN, None on Fargate."""

    arn: str
    status: str
    desired_status: str = ""
    stop_code: str | None = None
    stopped_reason: str | None = None
    containers: tuple[Container, ...] = ()
    started_by: str | None = None
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    task_definition: str = ""
    host: str | None = None
    health: str | None = None
    group: str = ""

    @property
    def id(self) -> str:
        """The last part of the ARN, as log streams have it."""
        return self.arn.rpartition("/")[2]

    def container(self, name: str) -> Container | None:
        """Return one container by name."""
        return next((container for container in self.containers if container.name == name), None)


def task(entry: Mapping[str, Any]) -> Task:
    """Read one entry of DescribeTasks."""
    return Task(
        arn=entry["taskArn"],
        status=entry.get("lastStatus") or "",
        desired_status=entry.get("desiredStatus") or "",
        stop_code=entry.get("stopCode"),
        stopped_reason=entry.get("stoppedReason"),
        containers=tuple(_container(one) for one in entry.get("containers") or ()),
        started_by=entry.get("startedBy"),
        created=entry.get("createdAt"),
        started=entry.get("startedAt"),
        stopped=entry.get("stoppedAt"),
        task_definition=entry.get("taskDefinitionArn") or "",
        host=entry.get("containerInstanceArn"),
        health=entry.get("healthStatus"),
        group=entry.get("group") or "",
    )


def _container(entry: Mapping[str, Any]) -> Container:
    return Container(
        name=entry["name"],
        exit_code=entry.get("exitCode"),
        reason=entry.get("reason"),
        health=entry.get("healthStatus"),
        runtime_id=entry.get("runtimeId"),
        image=entry.get("image") or "",
        status=entry.get("lastStatus") or "",
    )
