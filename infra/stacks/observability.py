"""The observability stack: where alarms go, and one page to look at; it finds what it shows by tag."""

from __future__ import annotations

import json
from typing import Any

from troposphere import Ref, Sub, cloudwatch, sns

from infra import naming
from infra.config import Config
from infra.stacks.draft import Draft
from infra.stacks.model import Stack
from infra.stacks.policies import allow, document, tls_only

PART = "observability"
# (title, resource type, metric, statistic) of what is drawn for everything that carries the environment's tag.
DRAWN = (
    ("Requests", "AWS::ElasticLoadBalancingV2::LoadBalancer", "RequestCount", "Sum"),
    ("Answer time", "AWS::ElasticLoadBalancingV2::LoadBalancer", "TargetResponseTime", "Average"),
    ("Database processor", "AWS::RDS::DBInstance", "CPUUtilization", "Average"),
    ("Database connections", "AWS::RDS::DBInstance", "DatabaseConnections", "Maximum"),
    ("Messages waiting", "AWS::SQS::Queue", "ApproximateNumberOfMessagesVisible", "Maximum"),
    ("Host processor", "AWS::EC2::Instance", "CPUUtilization", "Average"),
)


def observability(config: Config) -> Stack:
    """Return the observability stack of an environment."""
    environment = config.environment
    draft = Draft(config, PART, f"Alarms and dashboard of {environment.name}")
    topic = draft.add(sns.Topic("Topic"))
    draft.add(sns.TopicPolicy("TopicPolicy", Topics=[Ref(topic)], PolicyDocument=_alarms_alone(Ref(topic))))
    if environment.alarms.email:
        draft.add(
            sns.SubscriptionResource(
                "Email", TopicArn=Ref(topic), Protocol="email", Endpoint=environment.alarms.email
            )
        )
    draft.add(cloudwatch.Dashboard("Dashboard", DashboardBody=_page(config)))
    draft.output("TopicArn", Ref(topic))
    return draft.stack()


def _alarms_alone(topic: Ref) -> dict[str, Any]:
    """The topic is not encrypted with the account's SNS key: CloudWatch may not use that, and alarms would vanish."""
    publish = allow(["sns:Publish"], topic)
    publish["Principal"] = {"Service": "cloudwatch.amazonaws.com"}
    publish["Condition"] = {"StringEquals": {"aws:SourceAccount": Sub("${AWS::AccountId}")}}
    return document(publish, tls_only("sns:Publish", topic))


def _page(config: Config) -> str:
    drawn = [_drawn(config, *entry) for entry in DRAWN]
    logged = [_errors(config, service.name) for service in config.services]
    widgets = [
        {**widget, "x": 12 * (index % 2), "y": 6 * (index // 2), "width": 12, "height": 6}
        for index, widget in enumerate([*drawn, *logged])
    ]
    return json.dumps({"widgets": widgets}, sort_keys=True, separators=(",", ":"))


def _drawn(config: Config, title: str, kind: str, metric: str, statistic: str) -> dict[str, Any]:
    environment = config.environment
    return {
        "type": "explorer",
        "properties": {
            "title": title,
            "region": environment.region,
            "metrics": [{"metricName": metric, "resourceType": kind, "stat": statistic}],
            "labels": [{"key": naming.environment_tag(environment.project), "value": environment.name}],
            "period": 300,
            "widgetOptions": {"legend": {"position": "bottom"}, "view": "timeSeries", "stacked": False},
        },
    }


def _errors(config: Config, service: str) -> dict[str, Any]:
    environment = config.environment
    group = naming.log_group(environment.project, environment.name, service)
    return {
        "type": "log",
        "properties": {
            "title": f"Errors of {service}",
            "region": environment.region,
            "query": f"SOURCE '{group}' | filter level = 'ERROR' | sort @timestamp desc | limit 20",
            "view": "table",
        },
    }
