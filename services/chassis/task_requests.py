"""Puts tasks into the queue, off the request's path: slow or failing, it holds up nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

MOST = 100  # requests under way; above that whoever repairs is quicker than waiting in line
PATIENCE = 5.0  # seconds for what is under way when the process stops

log = logging.getLogger("chassis.task_requests")


class TaskRequests:
    """`publish` puts a task, by its name, with its arguments into the queue: `Publisher.send`.

    What fails is lost, so it has to be remembered elsewhere: a row that a scheduled task looks for (an outbox).
    """

    def __init__(self, publish: Callable[..., Awaitable[None]]) -> None:
        self._publish = publish
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, task: str, *arguments: Any) -> None:
        """Publish in the background; returns at once."""
        if len(self._under_way) >= MOST:
            return
        attempt = asyncio.create_task(self._attempt(task, arguments))
        self._under_way.add(attempt)
        attempt.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait a little for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PATIENCE)

    async def _attempt(self, task: str, arguments: tuple[Any, ...]) -> None:
        try:
            await self._publish(task, *arguments)
        except Exception as error:
            shown = ", ".join(map(repr, arguments))
            log.warning("%s(%s) not requested, left to whoever repairs: %s", task, shown, error)
