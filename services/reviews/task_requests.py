"""Puts tasks into the queue, off the request's path: slow or failing, it holds up nobody."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

MOST = 100  # requests under way; above that the outbox's repair is quicker than waiting in line
PATIENCE = 5.0  # seconds for what is under way when the process stops

log = logging.getLogger("reviews.task_requests")


class TaskRequests:
    """`publish` puts a task, with the id of what it is about, into the queue; what fails is for the repair task."""

    def __init__(self, publish: Callable[[str, int], Awaitable[None]]) -> None:
        self._publish = publish
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, task: str, about: int) -> None:
        """Publish in the background; returns at once."""
        if len(self._under_way) >= MOST:
            return
        attempt = asyncio.create_task(self._attempt(task, about))
        self._under_way.add(attempt)
        attempt.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait a little for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PATIENCE)

    async def _attempt(self, task: str, about: int) -> None:
        try:
            await self._publish(task, about)
        except Exception as error:
            log.warning("%s of %d not requested, left to the repair task: %s", task, about, error)
