"""The network stack: VPC, subnets, ways out, and every shared security group with its rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from troposphere import GetAtt, GetAZs, Join, Ref, Select, Sub, Tags, ec2

from infra.config import Config, Environment
from infra.stacks.draft import Draft
from infra.stacks.groups import security_groups
from infra.stacks.model import Stack
from infra.stacks.nat import nat_gateways, nat_instance

PART = "network"


@dataclass(frozen=True)
class Subnets:
    """The VPC and its subnets, as references or as ids that exist."""

    vpc: Any
    public: tuple[Any, ...]
    private: tuple[Any, ...]


def network(config: Config) -> Stack:
    """Return the network stack of an environment."""
    draft = Draft(config, PART, f"Network of {config.environment.name}")
    subnets = _existing(config.environment) if config.environment.network.existing else _made(draft)
    groups = security_groups(draft, vpc=subnets.vpc)
    draft.output("VpcId", subnets.vpc)
    draft.output("PublicSubnetIds", Join(",", list(subnets.public)))
    draft.output("PrivateSubnetIds", Join(",", list(subnets.private)))
    where = subnets.public if in_public_subnets(config.environment) else subnets.private
    draft.output("TaskSubnetIds", Join(",", list(where)))
    for key, group in groups.items():
        draft.output(f"{key}SecurityGroupId", GetAtt(group, "GroupId"))
    return draft.stack()


def cidrs(network: str, zones: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the public (/20) and private (/18) ranges of each zone in a /16; a zone more moves no other."""
    whole = ipaddress.IPv4Network(network)
    large = list(whole.subnets(new_prefix=18))
    public = list(large[0].subnets(new_prefix=20))[:zones]
    return tuple(map(str, public)), tuple(map(str, large[1 : zones + 1]))


def in_public_subnets(environment: Environment) -> bool:
    """Whether tasks run in public subnets (with no inbound), since there is no way out of the private ones."""
    return environment.network.nat == "none" and not environment.network.existing


def _existing(environment: Environment) -> Subnets:
    existing = environment.network.existing
    return Subnets(
        existing["vpc_id"],
        tuple(cast(Sequence[str], existing["public_subnet_ids"])),
        tuple(cast(Sequence[str], existing["private_subnet_ids"])),
    )


def _made(draft: Draft) -> Subnets:
    settings = draft.environment.network
    vpc = draft.add(
        ec2.VPC(
            "Vpc",
            CidrBlock=settings.cidr,
            EnableDnsHostnames=True,
            EnableDnsSupport=True,
            Tags=Tags(Name=f"{draft.environment.project}-{draft.environment.name}"),
        )
    )
    public_route = _internet(draft, vpc)
    public_ranges, private_ranges = cidrs(settings.cidr, settings.availability_zones)
    public = [_subnet(draft, "Public", zone, cidr) for zone, cidr in enumerate(public_ranges, 1)]
    private = [_subnet(draft, "Private", zone, cidr) for zone, cidr in enumerate(private_ranges, 1)]
    for subnet in public:
        _associate(draft, subnet, public_route)
    tables = [
        draft.add(ec2.RouteTable(f"PrivateRoutes{zone}", VpcId=Ref(vpc)))
        for zone in range(1, len(private) + 1)
    ]
    for subnet, table in zip(private, tables, strict=True):
        _associate(draft, subnet, table)
    if settings.nat == "gateway":
        nat_gateways(draft, public=public, tables=tables)
    if settings.nat == "instance":
        nat_instance(draft, vpc=vpc, public=public, tables=tables)
    _s3_endpoint(draft, vpc, [public_route, *tables])
    return Subnets(Ref(vpc), tuple(map(Ref, public)), tuple(map(Ref, private)))


def _internet(draft: Draft, vpc: ec2.VPC) -> ec2.RouteTable:
    gateway = draft.add(ec2.InternetGateway("InternetGateway"))
    attachment = draft.add(
        ec2.VPCGatewayAttachment("InternetAttachment", VpcId=Ref(vpc), InternetGatewayId=Ref(gateway))
    )
    table = draft.add(ec2.RouteTable("PublicRoutes", VpcId=Ref(vpc)))
    draft.add(
        ec2.Route(
            "PublicDefaultRoute",
            DependsOn=attachment,
            RouteTableId=Ref(table),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref(gateway),
        )
    )
    return table


def _subnet(draft: Draft, kind: str, zone: int, cidr: str) -> ec2.Subnet:
    environment = draft.environment
    return draft.add(
        ec2.Subnet(
            f"{kind}Subnet{zone}",
            VpcId=Ref("Vpc"),
            CidrBlock=cidr,
            AvailabilityZone=Select(zone - 1, GetAZs(Ref("AWS::Region"))),
            MapPublicIpOnLaunch=False,
            Tags=Tags(Name=f"{environment.project}-{environment.name}-{kind.lower()}-{zone}"),
        )
    )


def _associate(draft: Draft, subnet: ec2.Subnet, table: ec2.RouteTable) -> None:
    draft.add(
        ec2.SubnetRouteTableAssociation(
            f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(table)
        )
    )


def _s3_endpoint(draft: Draft, vpc: ec2.VPC, tables: Sequence[ec2.RouteTable]) -> None:
    """Image layers come from S3: through the gateway endpoint they cost nothing and need no way out."""
    draft.add(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=Ref(vpc),
            VpcEndpointType="Gateway",
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            RouteTableIds=[Ref(table) for table in tables],
        )
    )
