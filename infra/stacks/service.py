"""A service's own stack: its ECS services, target group, listener rule, scaling and alarms; what serves traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import GetAtt, Ref, ecs

from infra import naming
from infra.config import Config, Process, Service
from infra.stacks.alarms import dead_letter_alarm, service_alarm, target_alarms
from infra.stacks.cluster import fargate_strategy
from infra.stacks.draft import Draft, pascal
from infra.stacks.model import Stack
from infra.stacks.network import in_public_subnets
from infra.stacks.scaling import age_scaling, scaling
from infra.stacks.targets import listener_rule, target_group

# A task that has started but is not yet ready is not killed by the balancer before its own start period is over.
GRACE_SECONDS = 30


def service_stack(config: Config, service: Service, images: Mapping[str, str]) -> Stack:
    """Return the stack of a service. `images` maps image names to tags."""
    draft = Draft(
        config,
        service.name,
        service.description,
        tags={naming.release_tag(config.environment.project): images[service.name]},
    )
    cluster = draft.input("cluster", "ClusterName")
    for name, process in service.processes.items():
        web = service.http is not None and name == "web"
        made = draft.add(
            _service(draft, service, name, process, balanced=_balanced(draft, service) if web else {})
        )
        draft.output(made.title, GetAtt(made, "Name"))
        if process.scale:
            target = scaling(draft, made, name=name, scale=process.scale, cluster=cluster)
            if age := process.scale.age_seconds:
                queue = draft.input(naming.release_part(service.name), "QueueName")
                age_scaling(draft, target, name=name, seconds=age, queue=queue)
        service_alarm(draft, f"{pascal(name)}Busy", made, cluster)
    _record_preparation(draft, service)
    if service.queue:
        dead_letter_alarm(draft, draft.input(naming.release_part(service.name), "DeadLetterQueueName"))
    return draft.stack()


def _record_preparation(draft: Draft, service: Service) -> None:
    """Record which one-off task definitions prepared this release: a plan runs those tasks again when they differ."""
    database = ("provision", "migrate") if service.database else ()
    for task in (*database, "clients") if service.issuer is not None else database:
        key = f"{pascal(task)}TaskDefinition"
        draft.output(f"Prepared{pascal(task)}", draft.input(naming.release_part(service.name), key))


def _balanced(draft: Draft, service: Service) -> dict[str, Any]:
    """Add what leads requests to the web process; return what its ECS service must say of it."""
    group = target_group(draft, service)
    rule = listener_rule(draft, service, group)
    balancer = draft.input("edge", "PublicBalancer" if service.public else "InternalBalancer")
    target_alarms(draft, group=group, balancer=balancer)
    process, port = service.processes["web"], service.http.port if service.http else 0
    return {
        # ECS refuses a target group that no listener knows yet.
        "DependsOn": rule.title,
        "HealthCheckGracePeriodSeconds": process.health.start_period + GRACE_SECONDS,
        "LoadBalancers": [
            ecs.LoadBalancer(ContainerName="web", ContainerPort=port, TargetGroupArn=Ref(group))
        ],
    }


def _service(
    draft: Draft, service: Service, name: str, process: Process, *, balanced: Mapping[str, Any]
) -> ecs.Service:
    counted = {} if process.scale else {"DesiredCount": process.desired}
    definition = draft.input(naming.release_part(service.name), f"{pascal(name)}TaskDefinition")
    return ecs.Service(
        f"{pascal(name)}Service",
        Cluster=draft.input("cluster", "ClusterName"),
        TaskDefinition=definition,
        DeploymentConfiguration=_deployment(service, process),
        # Rebalancing starts a second task before it stops the first: never for what may exist only once.
        AvailabilityZoneRebalancing="DISABLED" if process.singleton else "ENABLED",
        EnableECSManagedTags=True,
        PropagateTags="SERVICE",
        **_placement(draft),
        **counted,
        **balanced,
    )


def _deployment(service: Service, process: Process) -> ecs.DeploymentConfiguration:
    early = ecs.DeploymentEarlySuccessCriteria(
        Enable=True, HealthyPercent=100, SourceServiceRevisionCleanup="DEFERRED"
    )
    return ecs.DeploymentConfiguration(
        MinimumHealthyPercent=0 if process.singleton else 100,
        MaximumPercent=100 if process.singleton else 200,
        DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(
            Enable=True,
            Rollback=True,
            ThresholdConfiguration=ecs.ThresholdConfiguration(
                Type="COUNT", Value=service.deployment.failures
            ),
        ),
        **({"EarlySuccessCriteria": early} if service.deployment.early_success else {}),
    )


def _placement(draft: Draft) -> dict[str, Any]:
    """Where tasks go: apart by zone, then by host, then where least memory is left. Fargate spreads by itself."""
    environment = draft.environment
    if environment.fargate:
        network = ecs.AwsvpcConfiguration(
            Subnets=draft.inputs("network", "TaskSubnetIds"),
            SecurityGroups=[draft.input("network", "TasksSecurityGroupId")],
            AssignPublicIp="ENABLED" if in_public_subnets(environment) else "DISABLED",
        )
        return {
            "CapacityProviderStrategy": [
                ecs.CapacityProviderStrategyItem(**item) for item in fargate_strategy(environment)
            ],
            "NetworkConfiguration": ecs.NetworkConfiguration(AwsvpcConfiguration=network),
        }
    provider = draft.input("cluster", "CapacityProvider")
    order = (("spread", "attribute:ecs.availability-zone"), ("spread", "instanceId"), ("binpack", "memory"))
    return {
        "CapacityProviderStrategy": [ecs.CapacityProviderStrategyItem(CapacityProvider=provider, Weight=1)],
        "PlacementStrategies": [ecs.PlacementStrategy(Type=kind, Field=field) for kind, field in order],
    }
