"""A service's queue and its dead-letter queue: encrypted, TLS alone, kept where the environment is protected."""

from __future__ import annotations

from troposphere import GetAtt, Ref, sqs

from infra.config.service import Queue
from infra.stacks.draft import Draft, deletion_policy
from infra.stacks.policies import Statement, allow, document, tls_only

DAY = 86400
DEAD_LETTERS = "DeadLetterQueue"
LONG_POLL_SECONDS = 20
# SQS keeps a message for at most 14 days; a dead one is worth all of them.
DEAD_LETTER_DAYS = 14


def queues(draft: Draft, settings: Queue) -> sqs.Queue:
    """Add both queues; return the one that the service uses."""
    dead = _queue(draft, DEAD_LETTERS, MessageRetentionPeriod=DEAD_LETTER_DAYS * DAY)
    queue = _queue(
        draft,
        "Queue",
        MessageRetentionPeriod=settings.retention_days * DAY,
        VisibilityTimeout=settings.visibility_timeout,
        ReceiveMessageWaitTimeSeconds=LONG_POLL_SECONDS,
        RedrivePolicy=sqs.RedrivePolicy(
            deadLetterTargetArn=GetAtt(dead, "Arn"), maxReceiveCount=settings.max_receives
        ),
    )
    draft.output("QueueUrl", Ref(queue))
    draft.output("QueueName", GetAtt(queue, "QueueName"))
    draft.output("DeadLetterQueueUrl", Ref(dead))
    draft.output("DeadLetterQueueName", GetAtt(dead, "QueueName"))
    return queue


def queue_statements(queue: sqs.Queue) -> list[Statement]:
    """Return what a Celery worker and its producers do with their queue, and how they see its age."""
    actions = (
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ReceiveMessage",
        "SendMessage",
    )
    # The dead letters are read, counted and put back by the service itself.
    own = [GetAtt(queue, "Arn"), GetAtt(DEAD_LETTERS, "Arn")]
    # SQS tells the age of the oldest message to CloudWatch alone, whose metrics have no ARN.
    return [
        allow([f"sqs:{action}" for action in actions], own),
        allow(["cloudwatch:GetMetricStatistics"], "*"),
    ]


def _queue(draft: Draft, title: str, **settings: object) -> sqs.Queue:
    queue = draft.add(
        sqs.Queue(
            title,
            DeletionPolicy=deletion_policy(draft.environment),
            UpdateReplacePolicy="Retain",
            SqsManagedSseEnabled=True,
            **settings,
        )
    )
    draft.add(
        sqs.QueuePolicy(
            f"{title}Policy",
            Queues=[Ref(queue)],
            PolicyDocument=document(tls_only("sqs:*", GetAtt(queue, "Arn"))),
        )
    )
    return queue
