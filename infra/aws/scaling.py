"""What grows and shrinks ECS services by itself (Application Auto Scaling), and how it is told to wait."""

from __future__ import annotations

from infra.aws.client import Client, MakeClient
from infra.errors import NotFound

NAMESPACE, DIMENSION = "ecs", "ecs:service:DesiredCount"
_ALL = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class Scaling:
    """One account's scalable services in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("application-autoscaling", make)

    def targets(self, cluster: str) -> frozenset[str]:
        """Return the names of a cluster's services that something scales."""
        found = self._client.items("describe_scalable_targets", "ScalableTargets", ServiceNamespace=NAMESPACE)
        ids = (entry["ResourceId"].split("/") for entry in found)
        return frozenset(name for _, of, name in ids if of == cluster)

    def bounds(self, cluster: str, service: str) -> tuple[int, int] | None:
        """Return the least and the greatest number of tasks, None where nothing scales the service."""
        answer = self._client.call(
            "describe_scalable_targets",
            ServiceNamespace=NAMESPACE,
            ResourceIds=[f"service/{cluster}/{service}"],
        )
        found = answer.get("ScalableTargets") or ()
        return (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else None

    def suspend(self, cluster: str, service: str) -> None:
        """Let nobody scale the service, down to zero; `resume` undoes it. A service that nothing scales is fine."""
        if self.bounds(cluster, service) is not None:
            self._register(cluster, service, suspended=True, minimum=0)

    def resume(self, cluster: str, service: str, *, minimum: int) -> None:
        """Scale the service again, from `minimum` tasks on."""
        if self.bounds(cluster, service) is not None:
            self._register(cluster, service, suspended=False, minimum=minimum)

    def _register(self, cluster: str, service: str, *, suspended: bool, minimum: int) -> None:
        try:
            self._client.call(
                "register_scalable_target",
                ServiceNamespace=NAMESPACE,
                ScalableDimension=DIMENSION,
                ResourceId=f"service/{cluster}/{service}",
                MinCapacity=minimum,
                SuspendedState=dict.fromkeys(_ALL, suspended),
            )
        except NotFound:
            return
