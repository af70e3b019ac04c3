"""Who may talk to whom: all shared security groups and their rules, so that a service stack opens nothing."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, ec2

from infra.stacks.draft import Draft

# Docker gives a task's port from the kernel's range; Amazon's own images use this one.
EPHEMERAL = (32768, 65535)
POSTGRES = 5432
NOWHERE = ec2.SecurityGroupRule(
    IpProtocol="-1", CidrIp="127.0.0.1/32", Description="No way out: nothing begins here"
)
ANYWHERE = ec2.SecurityGroupRule(
    IpProtocol="-1", CidrIp="0.0.0.0/0", Description="Images, AWS and the other services"
)


def security_groups(draft: Draft, *, vpc: Any) -> dict[str, ec2.SecurityGroup]:
    """Add every group and rule; return the groups by the first word of their output."""
    groups = {
        "Edge": _group(draft, "Edge", vpc, "The public load balancer", ingress=_public_doors(draft)),
        "Internal": _group(draft, "Internal", vpc, "The load balancer between services"),
        "Tasks": _group(draft, "Tasks", vpc, "Where tasks run", egress=[ANYWHERE]),
        "Database": _group(draft, "Database", vpc, "PostgreSQL"),
    }
    for low, high in _task_ports(draft):
        for balancer in ("Edge", "Internal"):
            _rule(draft, groups, source=balancer, target="Tasks", ports=(low, high))
    _rule(draft, groups, source="Tasks", target="Internal", ports=(80, 80), egress=False)
    _rule(draft, groups, source="Tasks", target="Database", ports=(POSTGRES, POSTGRES), egress=False)
    if not draft.environment.fargate:
        groups["Connect"] = _group(draft, "Connect", vpc, "The Instance Connect Endpoint, for SSH")
        _rule(draft, groups, source="Connect", target="Tasks", ports=(22, 22))
    return groups


def _group(
    draft: Draft, name: str, vpc: Any, description: str, **rules: list[ec2.SecurityGroupRule]
) -> ec2.SecurityGroup:
    extra = {"SecurityGroupIngress": rules["ingress"]} if rules.get("ingress") else {}
    return draft.add(
        ec2.SecurityGroup(
            f"{name}SecurityGroup",
            VpcId=vpc,
            GroupDescription=description,
            SecurityGroupEgress=rules.get("egress", [NOWHERE]),
            **extra,
        )
    )


def _public_doors(draft: Draft) -> list[ec2.SecurityGroupRule]:
    ports = (80, 443) if draft.environment.domain else (80,)
    return [
        ec2.SecurityGroupRule(
            IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0", Description="Everybody"
        )
        for port in ports
    ]


def _task_ports(draft: Draft) -> list[tuple[int, int]]:
    """Hosts give dynamic ports; on Fargate a task has its own address and answers on the service's port."""
    if not draft.environment.fargate:
        return [EPHEMERAL]
    ports = sorted({service.http.port for service in draft.config.services if service.http})
    return [(port, port) for port in ports]


def _rule(
    draft: Draft,
    groups: dict[str, ec2.SecurityGroup],
    *,
    source: str,
    target: str,
    ports: tuple[int, int],
    egress: bool = True,
) -> None:
    """Open `ports` from one group to another; a source that is shut needs its egress opened too."""
    low, high = ports
    where = "" if (low, high) == EPHEMERAL else str(low)
    common = {"IpProtocol": "tcp", "FromPort": low, "ToPort": high}
    draft.add(
        ec2.SecurityGroupIngress(
            f"{source}To{target}{where}",
            GroupId=GetAtt(groups[target], "GroupId"),
            SourceSecurityGroupId=GetAtt(groups[source], "GroupId"),
            Description=f"From {source.lower()}",
            **common,
        )
    )
    if egress:
        draft.add(
            ec2.SecurityGroupEgress(
                f"{source}OutTo{target}{where}",
                GroupId=GetAtt(groups[source], "GroupId"),
                DestinationSecurityGroupId=GetAtt(groups[target], "GroupId"),
                Description=f"To {target.lower()}",
                **common,
            )
        )
