"""Messages in a queue as Celery writes them to SQS, and as SQS hands them out."""

import base64
import json
import uuid


def body(task: str, *arguments: object) -> str:
    """Return the body of a message that asks for the task."""
    name = str(uuid.uuid4())
    headers = {"lang": "py", "task": task, "id": name, "root_id": name, "parent_id": None, "retries": 0}
    delivery = {"routing_key": "reviews", "exchange": ""}
    envelope = {
        "body": base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {"body_encoding": "base64", "delivery_info": delivery, "delivery_tag": "1"},
    }
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def received(task: str, *arguments: object, receives: int = 1) -> dict:
    """Return a message as ReceiveMessage does."""
    return {
        "MessageId": "1",
        "ReceiptHandle": "handle",
        "Body": body(task, *arguments),
        "Attributes": {"ApproximateReceiveCount": str(receives)},
    }
