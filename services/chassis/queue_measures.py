"""How full the queue is, and whether anything died: one line of metrics a minute, from the one beat."""

from __future__ import annotations

import logging
import time
from typing import Any

from chassis import emf, redrive

log = logging.getLogger("chassis.emf")

COUNTED = {
    "queue_visible": "ApproximateNumberOfMessages",
    "queue_in_flight": "ApproximateNumberOfMessagesNotVisible",
    "queue_delayed": "ApproximateNumberOfMessagesDelayed",
}


def depths(sqs: Any, queue_url: str) -> dict[str, int]:
    """Return the numbers of messages waiting, in work, delayed and dead."""
    asked = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[*COUNTED.values(), "RedrivePolicy"])
    attributes = asked.get("Attributes", {})
    found = {name: int(attributes.get(attribute, 0)) for name, attribute in COUNTED.items()}
    if dead := redrive.dead_letter_url(sqs, attributes):
        answer = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])
        found["queue_dead"] = int(answer.get("Attributes", {}).get("ApproximateNumberOfMessages", 0))
    return found


class QueueMeasures:
    """Asks SQS once a minute; what SQS does not answer is left out."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._due_at = 0.0

    def write_if_due(self) -> None:
        """Write the line when the last is a minute old."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + emf.PERIOD
        try:
            counted = depths(*redrive.queue_of(self._app))
        except Exception as error:  # metrics must not stop beat
            log.warning("the queue cannot be measured: %s", error)
            return
        values: dict[str, Any] = {name: ("Count", number) for name, number in counted.items()}
        line = emf.members(values, dimensions=self._app.conf.measured_as, at=time.time())
        log.info("metrics", extra={"emf": line})
