"""A web service of two versions behind a balancer, for the tests of traffic and of rollouts under it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.local import engine
from tests.local.cloud import Cloud
from tests.local.workloads import Ecs, build_image, get

DELAY = "5"


@dataclass(frozen=True)
class Web:
    """Two target groups of one service each, behind an internal and a public balancer of this test's own host name."""

    ecs: Ecs
    host: str
    groups: dict[str, str]
    listener: str
    elb: Any

    @property
    def inside(self) -> str:
        network = engine.network(self.ecs.cloud.settings)
        assert network is not None
        return f"http://{network.gateway}"

    @property
    def edge(self) -> str:
        return self.ecs.cloud.settings.edge_url

    def get(self, path: str = "/", **more: Any) -> str:
        return get(self.inside + path, host=self.host, **more)

    def health(self, group: str) -> list[tuple[str, str | None]]:
        answer = self.elb.describe_target_health(TargetGroupArn=self.groups[group])[
            "TargetHealthDescriptions"
        ]
        return [(each["TargetHealth"]["State"], each["TargetHealth"].get("Reason")) for each in answer]

    def rule(self, priority: int, conditions: list[dict[str, Any]], action: dict[str, Any]) -> None:
        self.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=conditions, Actions=[action]
        )


@contextmanager
def serving(cloud: Cloud) -> Iterator[Web]:
    """Make it all, and take it away at the end."""
    build_image()
    name = f"web-{uuid.uuid4().hex[:6]}"
    cloud.client("ecs").create_cluster(clusterName=name)
    ecs, elb = Ecs(cloud, name), cloud.client("elbv2")
    balancer = elb.create_load_balancer(Name=name, Scheme="internal", Subnets=["subnet-1"])["LoadBalancers"][
        0
    ]
    groups = {version: target_group(elb, f"{name}-{version}") for version in ("1", "2")}
    forward = {"Type": "forward", "TargetGroupArn": groups["1"]}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}
        ],
    )["Listeners"][0]["ListenerArn"]
    made = Web(ecs, f"{name}.local.internal", groups, listener, elb)
    made.rule(900, host(made.host), forward)
    made.rule(
        800,
        [*host(made.host), path("/second/*")],
        {"Type": "forward", "TargetGroupArn": groups["2"]},
    )
    for version in groups:
        start(made, version)
    yield made
    for version in groups:
        ecs.remove(f"v{version}")
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])


def target_group(elb: Any, name: str) -> str:
    made = elb.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=80,
        VpcId="vpc-1",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": DELAY}]
    elb.modify_target_group_attributes(TargetGroupArn=made, Attributes=delay)
    return str(made)


def host(name: str) -> list[dict[str, Any]]:
    return [{"Field": "host-header", "HostHeaderConfig": {"Values": [name]}}]


def path(pattern: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": [pattern]}}


def define(web: Web, version: str, **environment: str) -> str:
    variables = [{"name": key, "value": value} for key, value in ({"VERSION": version} | environment).items()]
    return web.ecs.define(
        "web",
        {"environment": variables, "portMappings": [{"containerPort": 8080}], "stopTimeout": 10},
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="2048",
    )


def start(web: Web, version: str) -> None:
    balancer = {"targetGroupArn": web.groups[version], "containerName": "main", "containerPort": 8080}
    deployment = web.ecs.create(
        f"v{version}",
        define(web, version),
        desiredCount=2,
        loadBalancers=[balancer],
        healthCheckGracePeriodSeconds=60,
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        deploymentConfiguration={"deploymentCircuitBreaker": {
            "enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 2},
        }},
    )  # fmt: skip
    assert web.ecs.finished(deployment)["status"] == "SUCCESSFUL", web.ecs.events(f"v{version}")
