"""The log lines of one task, shown as they come, each once and in order."""

from __future__ import annotations

from collections.abc import Callable

from infra.aws import Aws
from infra.aws.ecs import Task
from infra.rollouts.cause import log_stream

FLUSH_SECONDS = 0.5
# CloudWatch may show a line after younger ones; only what is this much older than the newest is settled.
SETTLED_MS = 15_000


class LogFollower:
    """Shows each log line of a task once; what was shown long ago is not fetched again."""

    def __init__(self, aws: Aws, group: str, line: Callable[[str], None]) -> None:
        self._aws, self._group, self._line = aws, group, line
        self._shown: set[str] = set()
        self._newest_ms = 0

    def show(self, task: Task) -> int:
        """Hand on what is new; return how many lines that was."""
        streams = [log_stream(task, container.name) for container in task.containers]
        since = max(self._newest_ms - SETTLED_MS, 0)
        events = self._aws.logs.events(self._group, streams=streams, start_ms=since, limit=100_000)
        fresh = [event for event in events if event.id not in self._shown]
        for event in fresh:
            self._shown.add(event.id)
            self._newest_ms = max(self._newest_ms, event.time_ms)
            self._line(event.message)
        return len(fresh)

    def flush(self, task: Task, sleep: Callable[[float], None]) -> None:
        """CloudWatch shows lines late: look again until nothing new comes, and once more at least."""
        self.show(task)
        for _ in range(4):
            sleep(FLUSH_SECONDS)
            if not self.show(task):
                return


def last_lines(aws: Aws, group: str, task: Task) -> tuple[str, ...]:
    """Return the last twenty lines of each of the task's containers."""
    lines: list[str] = []
    for container in task.containers:
        lines.extend(aws.logs.tail(group, log_stream(task, container.name), 20))
    return tuple(lines)
