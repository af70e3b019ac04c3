"""Kombu's SQS transport, made to go on: a poll that fails is followed by another.

As of kombu 5.7 the loop that polls ends for good with the first poll that fails (celery/kombu#1127), while the
worker looks alive.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import SQS, TRANSPORT_ALIASES
from vine import promise

AFTER_FAILURE = 1.0  # seconds

log = logging.getLogger("chassis.sqs")


class Channel(SQS.Channel):
    """Polls its queues for as long as they have consumers, whatever SQS answers."""

    def _schedule_queue(self, queue: str) -> None:
        try:
            super()._schedule_queue(queue)
        except Exception as error:  # no credentials, say: that too may pass
            self._try_later(queue, error)

    def _get_async(self, queue: str, count: int = 1, callback: Any = None) -> Any:
        url = self._new_queue(queue)

        def received(answer: Any) -> None:
            if not isinstance(answer, dict):  # what kombu makes of a 5xx or of no answer at all
                raise ConnectionError("SQS does not answer")
            callback(self._on_messages_ready(url, queue, answer))

        name = self.canonical_queue_name(queue)
        return self._get_from_sqs(
            queue_name=name,
            queue_url=url,
            count=count,
            connection=self.asynsqs(queue=name),
            callback=promise(received, on_error=lambda error: self._try_later(queue, error)),
        )

    def _try_later(self, queue: str, error: Exception) -> None:
        log.warning("polling %s failed, trying again in %g s: %s", queue, AFTER_FAILURE, error)
        assert self.hub is not None  # noqa: S101 - whoever polls has a hub
        self.hub.call_later(AFTER_FAILURE, self._schedule_queue, queue)


class Transport(SQS.Transport):
    """The transport of URLs that begin with sqs:// once `install` was called."""

    Channel = Channel


def install() -> None:
    """Make `sqs://` mean this transport in this process."""
    TRANSPORT_ALIASES["sqs"] = "chassis.sqs:Transport"
