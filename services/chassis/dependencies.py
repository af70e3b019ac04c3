"""What handlers need from outside, made once by `main` and given to the application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from chassis.auth import Verifier
from chassis.database import Database
from chassis.metrics import Metric
from chassis.schema import Schema
from chassis.settings import ProcessSettings
from chassis.task_requests import TaskRequests


@dataclass(frozen=True)
class About:
    """Which release this process is, for /info and for metrics."""

    environment: str = "unknown"
    release: str = "unknown"
    process: str = "web"


def about(settings: ProcessSettings) -> About:
    """Return what the settings say of the process."""
    return About(settings.environment, settings.release, settings.process)


class Watched(Protocol):
    """What is looked at in the background and shown: the queue, by `chassis.queue.QueueWatch`."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def shown(self) -> dict[str, Any]: ...
    def gauges(self) -> list[Metric]: ...


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """What handlers need from outside; a service adds its own fields in a subclass."""

    service: str
    about: About = About()
    database: Database | None = None
    verifier: Verifier | None = None
    schema: Schema | None = None  # which schema revisions this code can serve
    http: aiohttp.ClientSession | None = None  # the one pool of connections to other services
    queue: Watched | None = None
    task_requests: TaskRequests | None = None

    async def open(self) -> None:
        """Get ready what the first request would have to wait for; called once, inside the loop."""
        if self.verifier:
            self.verifier.warm()
        if self.queue:
            await self.queue.open()

    async def close(self) -> None:
        """Close what holds connections; called once, after the last request."""
        if self.task_requests:
            await self.task_requests.close()
        if self.queue:
            await self.queue.close()
        if self.verifier:
            await self.verifier.close()
        if self.http:
            await self.http.close()
        if self.database:
            await self.database.dispose()
