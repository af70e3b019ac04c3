"""The cluster stack: the ECS cluster and what its tasks run on, CoreOS hosts in a scaling group or Fargate."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, ecs

from infra.config import Config, Environment
from infra.stacks.capacity import connect_endpoint, host_capacity
from infra.stacks.draft import Draft
from infra.stacks.model import Stack

PART = "cluster"


def cluster(config: Config) -> Stack:
    """Return the cluster stack of an environment."""
    environment = config.environment
    draft = Draft(config, PART, f"ECS cluster of {environment.name}")
    made = draft.add(
        ecs.Cluster(
            "Cluster", ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")]
        )
    )
    if environment.fargate:
        _associate(draft, made, fargate_strategy(environment))
    else:
        provider = host_capacity(draft, made)
        connect_endpoint(draft)
        _associate(draft, made, [{"CapacityProvider": Ref(provider), "Weight": 1}])
        draft.output("CapacityProvider", Ref(provider))
        draft.output("HostsGroup", Ref("Hosts"))
    draft.output("ClusterName", Ref(made))
    draft.output("ClusterArn", GetAtt(made, "Arn"))
    return draft.stack()


def fargate_strategy(environment: Environment) -> list[dict[str, Any]]:
    """Return where Fargate tasks go: with spot, one task on demand and then four spot for each more on demand."""
    on_demand = {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 1}
    spot = {"CapacityProvider": "FARGATE_SPOT", "Weight": 4}
    return [on_demand, spot] if environment.hosts.spot else [on_demand]


def _associate(draft: Draft, made: ecs.Cluster, strategy: list[dict[str, Any]]) -> None:
    """Tie cluster and capacity with a resource of its own: inside the cluster it would be a circle."""
    draft.add(
        ecs.ClusterCapacityProviderAssociations(
            "Capacity",
            Cluster=Ref(made),
            CapacityProviders=[item["CapacityProvider"] for item in strategy],
            DefaultCapacityProviderStrategy=[ecs.CapacityProviderStrategy(**item) for item in strategy],
        )
    )
