"""How much work waits in a queue."""

from __future__ import annotations

from dataclasses import dataclass

from infra.aws.client import Client, MakeClient


@dataclass(frozen=True)
class Depth:
    """Messages, approximately: ready to be taken, taken and not yet finished, not yet ready."""

    waiting: int
    in_flight: int
    delayed: int


class Sqs:
    """One account's queues in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("sqs", make)

    def depth(self, queue_url: str) -> Depth:
        """Return how many messages a queue holds. Raises NotFound."""
        names = (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        )
        answer = self._client.call("get_queue_attributes", QueueUrl=queue_url, AttributeNames=list(names))
        found = answer.get("Attributes") or {}
        return Depth(*(int(found.get(name, 0)) for name in names))
