"""The ECS records in MiniStack's stores and the ones it lacks; every change of a record is made while holding `LOCK`."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ministack.core import responses
from ministack.services import ecs

from infra.local import persistence
from infra.local.settings import Settings

Record = dict[str, Any]

LOCK = threading.RLock()
"""Held for the change of records alone, never across a call of the engine or a wait."""

WAKE = threading.Event()
"""Set when the scheduler has something new to look at."""

instances: dict[str, Record] = {}
"""Container instances by ARN."""
service_deployments: dict[str, Record] = {}
"""Service deployments by ARN, oldest first."""
revisions: dict[str, Record] = {}
"""Service revisions by ARN, oldest first."""

STOPPED_TASKS_KEPT = 3600.0
"""Seconds for which a stopped task can be described; ECS promises at least one hour."""


@dataclass(frozen=True)
class Place:
    """Where the data plane runs: the Docker network and the host's address on it, dotted decimal."""

    settings: Settings
    network: str
    gateway: str


class EcsError(Exception):
    """A refusal of the ECS API; `code` is the exception's name in the service model."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_places: list[Place] = []


def settle(place: Place) -> None:
    """Say where this process's data plane runs; called once by `install`."""
    _places[:] = [place]


def place() -> Place:
    return _places[0]


def scope() -> AbstractContextManager[None]:
    """Return the context in which MiniStack's stores show our account and region; threads need it, requests have it."""
    settings = place().settings
    scoped: AbstractContextManager[None] = responses.request_scope(settings.account, settings.region)
    return scoped


def arn(kind: str, *parts: str) -> str:
    """Return the ARN of an ECS resource: `arn("task", cluster, id)`."""
    settings = place().settings
    return f"arn:aws:ecs:{settings.region}:{settings.account}:{kind}/{'/'.join(parts)}"


def changed() -> None:
    """Say that a record has changed: the scheduler looks at it, and it is saved."""
    WAKE.set()
    persistence.touch("ecs")


def new_id() -> str:
    """Return 32 hexadecimal digits, as ECS names tasks and container instances."""
    return uuid.uuid4().hex


def now() -> float:
    return time.time()


def tail(resource: str) -> str:
    """Return the last part of an ARN or path."""
    return resource.rsplit("/", 1)[-1]


def tasks() -> list[Record]:
    found: list[Record] = ecs._tasks.values()
    return found


def task(task_arn: str) -> Record | None:
    found: Record | None = ecs._tasks.get(task_arn)
    return found


def services() -> list[Record]:
    found: list[Record] = ecs._services.values()
    return found


def clusters() -> list[Record]:
    found: list[Record] = ecs._clusters.values()
    return found


def service_of(task_record: Record) -> Record | None:
    """Return the service that a task belongs to, None for a one-off task."""
    kind, _, name = str(task_record.get("group", "")).partition(":")
    if kind != "service":
        return None
    found: Record | None = ecs._services.get(f"{tail(task_record['clusterArn'])}/{name}")
    return found


def tasks_of(service: Record) -> Iterator[Record]:
    """Yield the service's tasks that have not stopped."""
    group = f"service:{service['serviceName']}"
    for found in tasks():
        ours = found.get("group") == group and found["clusterArn"] == service["clusterArn"]
        if ours and found["lastStatus"] != "STOPPED":
            yield found


def definition(reference: str) -> Record:
    """Return a registered task definition by ARN, `family:revision` or family; raise `EcsError` when there is none."""
    found: Record | None = ecs._task_defs.get(ecs._resolve_td_key(reference))
    if found is None:
        raise EcsError("ClientException", "Unable to find task definition.")
    return found


def cluster(reference: str | None) -> Record:
    """Return an active cluster by name or ARN, `default` made when missing; raise `EcsError` when there is none."""
    name = ecs._resolve_cluster_name(reference or "default")
    found: Record | None = ecs._clusters.get(name) if name else None
    if found is None and name == "default":
        found = ecs._put_cluster({"clusterName": "default"})
    if found is None:
        raise EcsError("ClusterNotFoundException", "Cluster not found.")
    return found


def forget_old_tasks() -> None:
    """Drop the records of tasks that stopped more than `STOPPED_TASKS_KEPT` seconds ago."""
    oldest = now() - STOPPED_TASKS_KEPT
    for found in tasks():
        if found["lastStatus"] == "STOPPED" and (found.get("stoppedAt") or 0) < oldest:
            ecs._tasks.pop(found["taskArn"], None)
            ecs._tags.pop(found["taskArn"], None)
