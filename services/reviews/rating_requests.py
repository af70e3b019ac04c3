"""Asks the queue for ratings, off the request's path: slow or failing, it holds up nobody."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

MOST = 100  # requests under way; above that the outbox's repair is quicker than waiting in line
PATIENCE = 5.0  # seconds for what is under way when the process stops

log = logging.getLogger("reviews.rating_requests")


class RatingRequests:
    """`publish` puts a movie's id into the queue; what fails is for the repair task."""

    def __init__(self, publish: Callable[[int], Awaitable[None]]) -> None:
        self._publish = publish
        self._under_way: set[asyncio.Task[None]] = set()

    def send(self, movie_id: int) -> None:
        """Publish in the background; returns at once."""
        if len(self._under_way) >= MOST:
            return
        task = asyncio.create_task(self._attempt(movie_id))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Wait a little for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PATIENCE)

    async def _attempt(self, movie_id: int) -> None:
        try:
            await self._publish(movie_id)
        except Exception as error:
            log.warning("rating of movie %d not requested, left to the repair task: %s", movie_id, error)
