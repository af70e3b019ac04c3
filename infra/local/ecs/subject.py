"""What is to run, and where: one container of one task, and the machine that it lands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Site:
    """What a container gets from where it runs: `trust` is our CA's file on the host, `trust_mount` where it appears."""

    cloud: str
    network: str
    dns: str
    trust: str
    trust_mount: str
    cpus: int
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """One container of one task: its definition merged with the run's overrides, and the task's own definition."""

    task_arn: str
    definition: Mapping[str, Any]
    container: Mapping[str, Any]
    environment: Mapping[str, str]
    task_cpu: int = 0
    task_memory: int = 0

    @property
    def name(self) -> str:
        return str(self.container["name"])

    @property
    def task_id(self) -> str:
        return self.task_arn.rsplit("/", 1)[-1]


def engine_name(subject: Subject, site: Site, container: str) -> str:
    """Return what `docker ps` shows: family and revision as the ECS agent has them, and enough of the task's id."""
    definition = subject.definition
    task = f"{definition.get('family', 'task')}-{definition.get('revision', 0)}-{subject.task_id[:12]}"
    return f"{site.cloud}-{task}-{container}"
