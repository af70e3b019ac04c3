"""Tasks that fail: given back with a growing pause, dead after SQS's last time, and back by hand."""

import base64
import json

import pytest

from chassis import redrive, sqs
from chassis.redrive import NoDeadLetters

QUEUE = "http://sqs.test/1/reviews"
DEAD = "http://sqs.test/1/reviews-dead"


def body(task, *arguments):
    message = {"headers": {"task": task, "argsrepr": repr(arguments), "kwargsrepr": "{}"}, "body": "W10="}
    return base64.b64encode(json.dumps(message).encode()).decode()


class FakeSqs:
    """Two queues in memory; a received message is hidden until it is deleted or shown again."""

    def __init__(self, dead=(), *, policy=True):
        self.queues = {QUEUE: [], DEAD: [{"Body": text, "hidden": False} for text in dead]}
        self.policy = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:reviews-dead"} if policy else {}

    def get_queue_attributes(self, QueueUrl, AttributeNames):
        count = str(len(self.queues[QueueUrl]))
        return {
            "Attributes": {"RedrivePolicy": json.dumps(self.policy), "ApproximateNumberOfMessages": count}
        }

    def get_queue_url(self, QueueName):
        return {"QueueUrl": f"http://sqs.test/1/{QueueName}"}

    def receive_message(self, QueueUrl, MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds):
        shown = [m for m in self.queues[QueueUrl] if not m["hidden"]][:MaxNumberOfMessages]
        for message in shown:
            message["hidden"] = True
        return {"Messages": [{"Body": m["Body"], "ReceiptHandle": id(m)} for m in shown]}

    def send_message(self, QueueUrl, MessageBody):
        self.queues[QueueUrl].append({"Body": MessageBody, "hidden": False})

    def delete_message(self, QueueUrl, ReceiptHandle):
        self.queues[QueueUrl] = [m for m in self.queues[QueueUrl] if id(m) != ReceiptHandle]

    def change_message_visibility(self, QueueUrl, ReceiptHandle, VisibilityTimeout):
        for message in self.queues[QueueUrl]:
            if id(message) == ReceiptHandle:
                message["hidden"] = VisibilityTimeout > 0

    def bodies(self, url):
        return [message["Body"] for message in self.queues[url]]


def test_all_dead_messages_go_back_as_they_were():
    dead = [body("reviews.rate", number) for number in range(25)]
    queue, said = FakeSqs(dead), []

    moved = redrive.redrive(queue, QUEUE, said.append)

    assert moved == 25
    assert queue.bodies(QUEUE) == dead
    assert queue.bodies(DEAD) == []
    assert said == ["reviews.rate: back in the queue"] * 25


def test_only_the_messages_of_a_task_go_back_when_it_is_named():
    dead = [body("reviews.rate", 1), body("reviews.chart"), "not a message"]
    queue = FakeSqs(dead)

    moved = redrive.redrive(queue, QUEUE, lambda line: None, task="reviews.chart")

    assert moved == 1
    assert queue.bodies(QUEUE) == [dead[1]]
    assert queue.bodies(DEAD) == [dead[0], dead[2]]


def test_looking_moves_nothing():
    dead = [body("reviews.rate", 1), "not a message"]
    queue, said = FakeSqs(dead), []

    assert redrive.listed(queue, QUEUE, said.append) == 2
    assert said == ["reviews.rate  (1,) {}", "unreadable  "]
    assert queue.bodies(DEAD) == dead
    assert not any(message["hidden"] for message in queue.queues[DEAD])


def test_a_queue_without_dead_letters_says_so():
    with pytest.raises(NoDeadLetters, match="has no dead-letter queue"):
        redrive.redrive(FakeSqs(policy=False), QUEUE, lambda line: None)


def test_pauses_double_are_jittered_and_end_below_the_visibility_timeout():
    for receives, longest in ((1, 5), (2, 10), (3, 20), (4, 40), (50, 300)):
        pauses = [sqs.pause(receives) for _ in range(200)]

        assert all(longest / 2 - 1 <= seconds <= longest for seconds in pauses)
        assert len(set(pauses)) > 1
