"""The dead-letter queue: what is in it, and back into the service's queue with it once the cause is mended."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

AT_ONCE = 10  # SQS's bound
HIDDEN = 60  # seconds that a dead message is ours while it is moved

Say = Callable[[str], None]


class NoDeadLetters(Exception):
    """The queue has no dead-letter queue."""


def queue_of(app: Any) -> tuple[Any, str]:
    """Return an SQS client, as the app's transport makes it, and the URL of the app's queue."""
    queue = app.conf.broker_transport_options["predefined_queues"][app.conf.task_default_queue]
    channel = app.connection_for_write().default_channel
    return channel.sqs(app.conf.task_default_queue), str(queue["url"])


def dead_letter_url(sqs: Any, attributes: dict[str, str]) -> str | None:
    """Return the URL of the dead-letter queue that a queue's attributes name."""
    arn = json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
    return str(sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[1])["QueueUrl"]) if arn else None


def redrive(sqs: Any, queue_url: str, say: Say, *, task: str | None = None) -> int:
    """Move dead messages (those of `task`, or all) back into the queue; return how many were moved.

    A message is deleted only after it was sent, so none is lost; should this die in between, its task runs twice,
    which tasks must bear anyway. Raises NoDeadLetters.
    """
    moved = 0
    dead_url, messages = _dead(sqs, queue_url)
    while messages:
        for message in messages:
            name = task_of(message["Body"])
            if task is not None and name != task:
                continue  # it shows itself again after HIDDEN seconds
            sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])
            say(f"{name}: back in the queue")
            moved += 1
        messages = _receive(sqs, dead_url, hidden=HIDDEN)
    return moved


def listed(sqs: Any, queue_url: str, say: Say) -> int:
    """Say which tasks are dead, without moving any; return how many were seen. Raises NoDeadLetters."""
    seen = 0
    dead_url, messages = _dead(sqs, queue_url)
    shown = []
    while messages:
        for message in messages:
            say(f"{task_of(message['Body'])}  {arguments_of(message['Body'])}")
        seen += len(messages)
        shown += [message["ReceiptHandle"] for message in messages]
        messages = _receive(sqs, dead_url, hidden=HIDDEN)
    for handle in shown:
        sqs.change_message_visibility(QueueUrl=dead_url, ReceiptHandle=handle, VisibilityTimeout=0)
    return seen


def task_of(body: str) -> str:
    """Return the name of the task in a message as kombu writes it."""
    return str(_read(body).get("headers", {}).get("task", "unreadable"))


def arguments_of(body: str) -> str:
    """Return the arguments in such a message, as Celery shows them."""
    headers = _read(body).get("headers", {})
    return f"{headers.get('argsrepr', '')} {headers.get('kwargsrepr', '')}".strip()


def _read(body: str) -> dict[str, Any]:
    """Return the message, which kombu writes as JSON, in base64 or as it is."""
    for text in (body, body.encode()):
        try:
            read = json.loads(base64.b64decode(text, validate=True) if isinstance(text, bytes) else text)
        except ValueError:
            continue
        if isinstance(read, dict):
            return read
    return {}


def _dead(sqs: Any, queue_url: str) -> tuple[str, list[dict[str, Any]]]:
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    dead_url = dead_letter_url(sqs, attributes)
    if dead_url is None:
        raise NoDeadLetters(f"{queue_url}: has no dead-letter queue")
    return dead_url, _receive(sqs, dead_url, hidden=HIDDEN)


def _receive(sqs: Any, url: str, *, hidden: int) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=hidden, WaitTimeSeconds=1
    )
    return list(answer.get("Messages", []))
