"""Load balancers: their names in DNS, and which targets they send traffic to."""

from __future__ import annotations

from dataclasses import dataclass

from infra.aws.client import Client, MakeClient
from infra.errors import NotFound


@dataclass(frozen=True)
class Target:
    """One target. `state`: initial, healthy, unhealthy, unused, draining, unavailable; `reason` as ELB words it."""

    id: str
    port: int
    state: str
    reason: str = ""
    description: str = ""


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer and the name it answers to."""

    arn: str
    name: str
    dns_name: str
    state: str
    scheme: str = ""


class Elb:
    """One account's load balancers in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("elbv2", make)

    def target_health(self, target_group_arn: str) -> tuple[Target, ...]:
        """Return the targets of a group by id and port. Raises NotFound."""
        answer = self._client.call("describe_target_health", TargetGroupArn=target_group_arn)
        found = (
            Target(
                id=entry["Target"]["Id"],
                port=entry["Target"].get("Port", 0),
                state=(entry.get("TargetHealth") or {}).get("State") or "",
                reason=(entry.get("TargetHealth") or {}).get("Reason") or "",
                description=(entry.get("TargetHealth") or {}).get("Description") or "",
            )
            for entry in answer.get("TargetHealthDescriptions") or ()
        )
        return tuple(sorted(found, key=lambda target: (target.id, target.port)))

    def load_balancer(self, arn: str) -> LoadBalancer | None:
        """Return a load balancer, None where there is none."""
        try:
            found = self._client.call("describe_load_balancers", LoadBalancerArns=[arn]).get("LoadBalancers")
        except NotFound:
            return None
        if not found:
            return None
        entry = found[0]
        return LoadBalancer(
            arn=entry["LoadBalancerArn"],
            name=entry["LoadBalancerName"],
            dns_name=entry["DNSName"],
            state=(entry.get("State") or {}).get("Code") or "",
            scheme=entry.get("Scheme") or "",
        )
