"""`logs`: the lines of every service, oldest first; with `follow`, as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from infra import naming
from infra.aws.logs import LogEvent
from infra.commands.context import Context

POLL_SECONDS = 1.0
OVERLAP_MS = 10_000


def logs(
    context: Context,
    names: Sequence[str],
    *,
    since_seconds: int,
    follow: bool,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, LogEvent]]:
    """Yield (service, event) in order of time; never ends while `follow`."""
    services = [context.config.service(name).name for name in names] or [
        s.name for s in context.config.services
    ]
    environment = context.config.environment
    groups = {name: naming.log_group(environment.project, environment.name, name) for name in services}
    start = int((now() - since_seconds) * 1000)
    shown: set[tuple[str, str, int, str]] = set()
    while True:
        fresh = [
            (name, event)
            for name, group in groups.items()
            for event in context.aws.logs.events(group, start_ms=start)
            if (name, event.stream, event.time_ms, event.message) not in shown
        ]
        fresh.sort(key=lambda pair: pair[1].time_ms)
        yield from fresh
        if not follow:
            return
        shown |= {(name, event.stream, event.time_ms, event.message) for name, event in fresh}
        # CloudWatch lets lines in late, so each look overlaps the last one.
        start = max(start, int(now() * 1000) - OVERLAP_MS)
        shown = {item for item in shown if item[2] >= start}
        sleep(POLL_SECONDS)


def line(service: str, event: LogEvent) -> str:
    """One line for a person: service, process, message."""
    process = event.stream.partition("/")[0]
    return f"{service}/{process}: {event.message}"
