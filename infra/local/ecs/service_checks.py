"""What ECS refuses in a service: containers, ports and target groups that are not there, capacity that does not go together."""

from __future__ import annotations

from typing import Any

from ministack.services import alb

from infra.local.ecs.launch import SERVERLESS
from infra.local.ecs.records import EcsError, Record
from infra.local.elb import targets


def check(service: Record, task_definition: Record) -> None:
    if service["deploymentController"].get("type") != "ECS":
        raise EcsError(
            "InvalidParameterException", "the local cloud deploys with the ECS deployment controller alone"
        )
    containers = {item["name"]: item for item in task_definition["containerDefinitions"]}
    for balancer in service["loadBalancers"]:
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in containers:
            raise EcsError(
                "InvalidParameterException", f"The container {name} does not exist in the task definition."
            )
        if port not in [
            mapping.get("containerPort") for mapping in containers[name].get("portMappings") or []
        ]:
            raise EcsError(
                "InvalidParameterException",
                f"The container {name} did not have a container port {port} defined.",
            )
        _check_group(balancer.get("targetGroupArn") or "")


def _check_group(group_arn: str) -> None:
    if group_arn not in alb._tgs:
        raise EcsError(
            "InvalidParameterException",
            f"The specified target group does not exist. (target-group {group_arn})",
        )
    if not targets.is_used(group_arn):
        raise EcsError(
            "InvalidParameterException",
            f"The target group with targetGroupArn {group_arn} does not have an associated load balancer.",
        )


def capacity(data: Record, owner: Record) -> tuple[str | None, list[Any]]:
    """Return launch type and strategy: what is asked for, else the cluster's default strategy, else EC2."""
    strategy = list(data.get("capacityProviderStrategy") or [])
    launch_type = data.get("launchType")
    if strategy and launch_type:
        raise EcsError(
            "InvalidParameterException",
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        )
    if not strategy and not launch_type:
        strategy = list(owner.get("defaultCapacityProviderStrategy") or [])
    known = set(owner.get("capacityProviders") or []) | SERVERLESS
    for item in strategy:
        if item["capacityProvider"] not in known:
            raise EcsError(
                "InvalidParameterException",
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated "
                "with the cluster. Associate the capacity provider with the cluster and try again.",
            )
    return (None if strategy else launch_type or "EC2"), strategy
