"""Kombu's SQS transport, made to go on, and to leave counting to SQS.

As of kombu 5.7 the loop that polls ends for good with the first poll that fails (celery/kombu#1127), while the
worker looks alive; and a message that is given back is sent as a copy beside the original. Here a poll that fails is
followed by another, and a message that is given back is the same one: SQS shows it again after a pause, counts, and
after the queue's maxReceiveCount moves it to the dead-letter queue. And a worker that
has done its task polls at once: kombu's may leave that to a loop that sleeps for a second, one task a second then.
"""

from __future__ import annotations

import logging
import random
from typing import Any

from kombu.transport import SQS, TRANSPORT_ALIASES
from vine import promise

AFTER_FAILURE = 1.0  # seconds

FIRST_PAUSE = 5.0  # seconds before a task that failed is tried again, at most; doubles each time
LONGEST_PAUSE = 300.0

log = logging.getLogger("chassis.sqs")


def pause(receives: int) -> int:
    """Return the seconds before the next try of a task that was received so often: exponential, half of it jitter."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(max(0, receives - 1), 30))
    return round(random.uniform(longest / 2, longest))  # noqa: S311 - spreads load, keeps no secret


class QoS(SQS.QoS):
    """Gives a task that failed back to SQS, which shows it again later, or moves it away after the last time."""

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self.channel.poll_waiting()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        message = self._delivered.get(delivery_tag)
        if message is not None:
            attributes = message.delivery_info.get("sqs_message", {}).get("Attributes", {})
            receives = int(attributes.get("ApproximateReceiveCount", 1))
            self.channel.give_back(message, seconds=0 if requeue else pause(receives))
        self._quick_ack(delivery_tag)
        self.channel.poll_waiting()


class Channel(SQS.Channel):
    """Polls its queues for as long as they have consumers, whatever SQS answers."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[str] = set()  # queues that are not polled until a task is done

    def poll_waiting(self) -> None:
        """Poll what waits for room, now that there may be some."""
        while self._waiting and self.qos.can_consume():
            self._schedule_queue(self._waiting.pop())

    def basic_qos(self, *args: Any, **kwargs: Any) -> None:
        super().basic_qos(*args, **kwargs)
        self.poll_waiting()

    def give_back(self, message: Any, *, seconds: int) -> None:
        """Let SQS show a message again; without an answer it does so when the visibility timeout ends."""
        info = message.delivery_info
        if "sqs_message" not in info:
            return
        try:
            self.sqs(queue=self.canonical_queue_name(info["routing_key"])).change_message_visibility(
                QueueUrl=info["sqs_queue"],
                ReceiptHandle=info["sqs_message"]["ReceiptHandle"],
                VisibilityTimeout=seconds,
            )
        except Exception as error:
            log.warning("a message could not be given back, SQS shows it later: %s", error)

    def _restore(self, message: Any, *_: Any) -> None:
        self.give_back(message, seconds=0)

    def _loop1(self, queue: str, messages_fetched: Any = None) -> None:
        if self.qos.can_consume():
            super()._loop1(queue, messages_fetched)
        else:
            self._waiting.add(queue)

    def _schedule_queue(self, queue: str) -> None:
        self._waiting.discard(queue)
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
