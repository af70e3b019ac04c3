"""Alarms, each a sentence that says what is wrong; all tell the environment's topic, and silence is no alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, cloudwatch, rds

from infra.stacks.draft import Draft

GIGABYTE = 1024**3


@dataclass(frozen=True)
class Watch:
    """One metric over `periods` times `seconds`, compared with a threshold."""

    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    threshold: float
    statistic: str = "Average"
    comparison: str = "GreaterThanThreshold"
    seconds: int = 60
    periods: int = 5


def alarm(draft: Draft, title: str, description: str, watch: Watch) -> None:
    """Add an alarm that tells the topic when it begins and when it ends."""
    topic = draft.input("observability", "TopicArn")
    draft.add(
        cloudwatch.Alarm(
            title,
            AlarmDescription=description,
            Namespace=watch.namespace,
            MetricName=watch.metric,
            Dimensions=[
                cloudwatch.MetricDimension(Name=name, Value=value)
                for name, value in sorted(watch.dimensions.items())
            ],
            Statistic=watch.statistic,
            ComparisonOperator=watch.comparison,
            Threshold=watch.threshold,
            Period=watch.seconds,
            EvaluationPeriods=watch.periods,
            TreatMissingData="notBreaching",
            AlarmActions=[topic],
            OKActions=[topic],
        )
    )


def database_alarms(draft: Draft, instance: rds.DBInstance) -> None:
    """Add the alarms of an instance: busy, or nearly full (a tenth of its first size)."""
    where = f"{draft.environment.name} {draft.part}"
    own = {"DBInstanceIdentifier": Ref(instance)}
    alarm(
        draft,
        "DatabaseBusy",
        f"{where}: processor over 80 % for 15 minutes",
        Watch("AWS/RDS", "CPUUtilization", own, 80, seconds=300, periods=3),
    )
    alarm(
        draft,
        "DatabaseFull",
        f"{where}: under a tenth of the storage is free",
        Watch(
            "AWS/RDS",
            "FreeStorageSpace",
            own,
            draft.environment.database.storage_gb * GIGABYTE // 10,
            comparison="LessThanThreshold",
            seconds=300,
        ),
    )


def service_alarm(draft: Draft, title: str, service: Any, cluster: Any) -> None:
    """Add the alarm of a busy ECS service."""
    alarm(
        draft,
        title,
        f"{draft.environment.name} {draft.part}: processor over 85 % for 10 minutes",
        Watch(
            "AWS/ECS",
            "CPUUtilization",
            {"ClusterName": cluster, "ServiceName": GetAtt(service, "Name")},
            85,
            periods=10,
        ),
    )


def target_alarms(draft: Draft, *, group: Any, balancer: Any) -> None:
    """Add the alarms of a target group: unhealthy tasks, and answers that are our fault."""
    where = f"{draft.environment.name} {draft.part}"
    own = {"TargetGroup": GetAtt(group, "TargetGroupFullName"), "LoadBalancer": balancer}
    alarm(
        draft,
        "WebUnhealthy",
        f"{where}: a task has been failing its health check for 5 minutes",
        Watch("AWS/ApplicationELB", "UnHealthyHostCount", own, 0, statistic="Minimum"),
    )
    alarm(
        draft,
        "WebErrors",
        f"{where}: over 10 answers of 5xx in 5 minutes",
        Watch(
            "AWS/ApplicationELB",
            "HTTPCode_Target_5XX_Count",
            own,
            10,
            statistic="Sum",
            seconds=300,
            periods=1,
        ),
    )


def dead_letter_alarm(draft: Draft, queue_name: Any) -> None:
    """Add the alarm of a dead-letter queue: one message is one too many."""
    alarm(
        draft,
        "DeadLetters",
        f"{draft.environment.name} {draft.part}: a message failed every time and waits in the dead-letter queue",
        Watch(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": queue_name},
            0,
            statistic="Maximum",
            periods=1,
        ),
    )
