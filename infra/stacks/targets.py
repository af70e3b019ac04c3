"""How requests find a web process: its target group, and the rule on the balancer that leads there."""

from __future__ import annotations

from troposphere import Ref
from troposphere import elasticloadbalancingv2 as elb

from infra import naming
from infra.config import Service
from infra.stacks.draft import Draft

HEALTH_SECONDS = 10
# The gateway is alone on the public balancer, so it needs no priority of its own.
PUBLIC_PRIORITY = 1


def target_group(draft: Draft, service: Service) -> elb.TargetGroup:
    """Add the target group of a service's web process: hosts with dynamic ports, or addresses on Fargate.

    A service without [http] has none: raises ValueError.
    """
    if service.http is None:
        raise ValueError(f"{service.name} has no [http]")
    attributes = {
        "deregistration_delay.timeout_seconds": str(service.http.deregistration_seconds),
        "load_balancing.algorithm.type": "least_outstanding_requests",
    }
    return draft.add(
        elb.TargetGroup(
            "WebTargetGroup",
            VpcId=draft.input("network", "VpcId"),
            TargetType="ip" if draft.environment.fargate else "instance",
            Protocol="HTTP",
            Port=service.http.port,
            HealthCheckProtocol="HTTP",
            HealthCheckPath=service.http.health,
            HealthCheckIntervalSeconds=HEALTH_SECONDS,
            HealthCheckTimeoutSeconds=HEALTH_SECONDS // 2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=3,
            Matcher=elb.Matcher(HttpCode="200"),
            TargetGroupAttributes=[
                elb.TargetGroupAttribute(Key=key, Value=value) for key, value in sorted(attributes.items())
            ],
        )
    )


def listener_rule(draft: Draft, service: Service, group: elb.TargetGroup) -> elb.ListenerRule:
    """Add the rule: the gateway takes every request from outside, any other service those to its own name."""
    if service.public:
        listener = draft.input("edge", "PublicListenerArn")
        priority, condition = PUBLIC_PRIORITY, _every_path()
    else:
        listener = draft.input("edge", "InternalListenerArn")
        chosen = service.http.priority if service.http else None
        priority = chosen or naming.rule_priority(service.name)
        condition = _host(f"{service.name}.{draft.environment.internal_domain}")
    return draft.add(
        elb.ListenerRule(
            "WebRule",
            ListenerArn=listener,
            Priority=priority,
            Conditions=[condition],
            Actions=[elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(group))],
        )
    )


def _every_path() -> elb.Condition:
    return elb.Condition(Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=["/*"]))


def _host(name: str) -> elb.Condition:
    return elb.Condition(Field="host-header", HostHeaderConfig=elb.HostHeaderConfig(Values=[name]))
