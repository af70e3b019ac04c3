"""The service's queue, looked at from outside: how much waits, is in work and is dead, and how old the oldest is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.aws import AwsError, Client
from chassis.metrics import Gauge, Metric
from chassis.settings import ProcessSettings, QueueSettings

EVERY = 30.0  # seconds between two looks of a web process
# CloudWatch has the age a minute or so later, by the minute.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
AGE, AGE_WITHIN = "ApproximateAgeOfOldestMessage", timedelta(minutes=5)
COUNTED = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}

log = logging.getLogger("chassis.queue")


@dataclass(frozen=True)
class State:
    """Numbers of messages, and the age of the oldest that was not deleted, in seconds; None where it is not known."""

    visible: int
    in_flight: int
    delayed: int
    dead: int | None = None
    oldest_seconds: float | None = None


class Queue:
    """One SQS queue and its dead-letter queue."""

    def __init__(self, url: str, *, sqs: Client, cloudwatch: Client) -> None:
        self._url = url
        self._sqs = sqs
        self._cloudwatch = cloudwatch
        self._dead_url: str | None = None

    async def look(self) -> State:
        """Ask how the queue is. Raises AwsError where SQS does not say."""
        wanted = [*COUNTED.values(), "RedrivePolicy"]
        async with self._sqs.use() as sqs:
            answer = await sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=wanted)
            attributes = answer.get("Attributes", {})
            counts = {name: int(attributes.get(asked, 0)) for name, asked in COUNTED.items()}
            dead = await self._dead(sqs, attributes)
        oldest = await self._oldest() if any(counts.values()) else 0.0
        return State(**counts, dead=dead, oldest_seconds=oldest)

    async def close(self) -> None:
        """Close the connections."""
        await self._sqs.close()
        await self._cloudwatch.close()

    async def _dead(self, sqs: Any, attributes: dict[str, str]) -> int | None:
        arn = json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
        if arn is None:
            return None
        if self._dead_url is None:
            self._dead_url = (await sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[1]))["QueueUrl"]
        name = COUNTED["visible"]
        answer = await sqs.get_queue_attributes(QueueUrl=self._dead_url, AttributeNames=[name])
        return int(answer.get("Attributes", {}).get(name, 0))

    async def _oldest(self) -> float | None:
        """SQS itself tells the age to CloudWatch alone."""
        now = datetime.now(UTC)
        try:
            async with self._cloudwatch.use() as cloudwatch:
                answer = await cloudwatch.get_metric_statistics(
                    Namespace="AWS/SQS",
                    MetricName=AGE,
                    Dimensions=[{"Name": "QueueName", "Value": self._url.rpartition("/")[2]}],
                    StartTime=now - AGE_WITHIN,
                    EndTime=now,
                    Period=60,
                    Statistics=["Maximum"],
                )
        except AwsError as error:
            log.debug("the age of the oldest message is not known: %s", error)
            return None
        points = sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])
        return float(points[-1]["Maximum"]) if points else None


class QueueWatch:
    """Looks at the queue for as long as the process serves, off every request's path, and shows what it saw last."""

    def __init__(self, queue: Queue, *, every: float = EVERY) -> None:
        self._queue = queue
        self._every = every
        self._state: State | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to look, inside the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._queue.close()

    def shown(self) -> dict[str, Any]:
        """Return what /health/ready tells: the numbers, or that they cannot be had."""
        return {"status": "unknown"} if self._state is None else {"status": "ready", **asdict(self._state)}

    def gauges(self) -> list[Metric]:
        """Return the numbers as metrics; not a number where one is not known."""
        return [
            self._gauge("queue_messages_visible", "Messages that wait.", lambda state: state.visible),
            self._gauge("queue_messages_in_flight", "Messages in work.", lambda state: state.in_flight),
            self._gauge("queue_messages_delayed", "Messages not shown yet.", lambda state: state.delayed),
            self._gauge(
                "queue_messages_dead", "Messages in the dead-letter queue.", lambda state: state.dead
            ),
            self._gauge("queue_oldest_seconds", "Age of the oldest message.", lambda s: s.oldest_seconds),
        ]

    def _gauge(self, name: str, text: str, value: Callable[[State], float | None]) -> Gauge:
        def read() -> float:
            known = value(self._state) if self._state else None
            return math.nan if known is None else known

        return Gauge(name, text, read)

    async def _run(self) -> None:
        while True:
            try:
                self._state = await self._queue.look()
            except Exception as error:  # the next look may find it
                log.warning("the queue cannot be looked at: %s", error)
                self._state = None
            await asyncio.sleep(self._every)


def queue(settings: Any) -> Queue:
    """Return the queue of settings that are ProcessSettings and QueueSettings."""
    process: ProcessSettings = settings
    own: QueueSettings = settings
    place = {"region": process.aws_region, "endpoint": process.aws_endpoint_url}
    return Queue(own.queue_url, sqs=Client("sqs", **place), cloudwatch=Client("cloudwatch", **place))
