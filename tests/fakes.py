"""An account in memory with the wall's own methods, and a clock that only sleeping moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from infra.aws import Aws
from infra.aws.ecs import Container, PlacementFailure, Task
from infra.aws.logs import LogEvent
from infra.errors import AwsError


@dataclass
class Clock:
    """Seconds that pass only when somebody sleeps."""

    now: float = 0.0
    on_sleep: Callable[[float], None] = lambda now: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep(self.now)


@dataclass
class FakeEcs:
    """One task whose life is scripted: each look at it takes the next of `life`, the last one for ever."""

    life: Sequence[Task | AwsError]
    failures: list[PlacementFailure] = field(default_factory=list)
    containers: Sequence[dict[str, Any]] = ({"name": "migrate"},)
    started: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    looks: int = 0

    def run_task(self, **request: Any) -> Task | PlacementFailure:
        self.started.append(request)
        return self.failures.pop(0) if self.failures else cast(Task, self.life[0])

    def task(self, cluster: str, arn: str) -> Task:
        self.looks += 1
        found = self.life[min(self.looks, len(self.life) - 1)]
        if isinstance(found, AwsError):
            raise found
        return found

    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        self.stopped.append(arn)

    def task_definition(self, arn: str) -> dict[str, Any]:
        return {"containerDefinitions": list(self.containers)}


@dataclass
class FakeLogs:
    """Lines by stream."""

    lines: dict[str, list[LogEvent]] = field(default_factory=dict)

    def events(
        self, group: str, *, streams: Sequence[str], start_ms: int = 0, limit: int = 10_000
    ) -> tuple[LogEvent, ...]:
        found = [
            event for stream in streams for event in self.lines.get(stream, []) if event.time_ms >= start_ms
        ]
        return tuple(found[:limit])

    def tail(self, group: str, stream: str, lines: int) -> tuple[str, ...]:
        return tuple(event.message for event in self.lines.get(stream, [])[-lines:])

    def say(self, stream: str, *messages: str) -> None:
        kept = self.lines.setdefault(stream, [])
        for message in messages:
            kept.append(LogEvent(len(kept), stream, message, id=f"{stream} {len(kept)}"))


@dataclass
class FakeAws:
    """The parts of the wall that a test needs."""

    ecs: Any = None
    logs: Any = None

    @property
    def wall(self) -> Aws:
        return cast(Aws, self)


TASK = Task(arn="arn:aws:ecs:eu-west-1:000000000000:task/yard/0123", status="PENDING")


def stopped(*containers: Container, stop_code: str = "EssentialContainerExited", reason: str = "") -> Task:
    """The task at its end."""
    return replace(
        TASK, status="STOPPED", containers=containers, stop_code=stop_code, stopped_reason=reason or None
    )


def running(*names: str) -> Task:
    """The task while it runs."""
    return replace(TASK, status="RUNNING", containers=tuple(Container(name) for name in names))
