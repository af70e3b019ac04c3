"""ECS in our words: tasks, services, task definitions and hosts of a cluster, as frozen values."""

from __future__ import annotations

import time

from infra.aws.client import Client, MakeClient
from infra.aws.ecs.definitions import TaskDefinitions
from infra.aws.ecs.hosts import Host, Hosts
from infra.aws.ecs.services import (
    Deployment,
    Rollback,
    ServiceDeployment,
    ServiceEvent,
    Services,
    ServiceState,
)
from infra.aws.ecs.task_values import Container, Network, PlacementFailure, Task, TaskOverrides
from infra.aws.ecs.tasks import Tasks
from infra.aws.waiting import Sleep

__all__ = [
    "Container",
    "Deployment",
    "Ecs",
    "Host",
    "Network",
    "PlacementFailure",
    "Rollback",
    "ServiceDeployment",
    "ServiceEvent",
    "ServiceState",
    "Task",
    "TaskOverrides",
]


class Ecs(Tasks, Services, TaskDefinitions, Hosts):
    """One account's clusters in one region."""

    def __init__(self, make: MakeClient, *, sleep: Sleep = time.sleep) -> None:
        self._client = Client("ecs", make)
        self._sleep = sleep
