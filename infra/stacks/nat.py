"""Ways out of the private subnets: managed gateways, one a zone, or one small host in a group of one."""

from __future__ import annotations

from collections.abc import Sequence

from troposphere import GetAtt, Join, Ref, Sub, Tags, autoscaling, ec2, iam

from infra import naming
from infra.hosts import nat_ignition
from infra.stacks.draft import Draft
from infra.stacks.groups import ANYWHERE
from infra.stacks.launch import Machine, boot_data, launch_template, version
from infra.stacks.policies import Statement, allow, role

INSTANCE_TYPES = {"x86_64": "t3.nano", "arm64": "t4g.nano"}
VOLUME_GB = 10


def nat_gateways(draft: Draft, *, public: Sequence[ec2.Subnet], tables: Sequence[ec2.RouteTable]) -> None:
    """Add a managed gateway to each zone, so that the loss of a zone cuts off no other."""
    for zone, (subnet, table) in enumerate(zip(public, tables, strict=True), 1):
        address = draft.add(ec2.EIP(f"NatAddress{zone}", DependsOn="InternetAttachment", Domain="vpc"))
        gateway = draft.add(
            ec2.NatGateway(
                f"NatGateway{zone}", AllocationId=GetAtt(address, "AllocationId"), SubnetId=Ref(subnet)
            )
        )
        draft.add(
            ec2.Route(
                f"PrivateDefaultRoute{zone}",
                RouteTableId=Ref(table),
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId=Ref(gateway),
            )
        )


def nat_instance(
    draft: Draft, *, vpc: ec2.VPC, public: Sequence[ec2.Subnet], tables: Sequence[ec2.RouteTable]
) -> None:
    """Add a group of one host that forwards packets and points the private default routes at itself.

    The routes are the host's own to write, not the template's: its replacement takes them over at boot.
    """
    group = _security_group(draft, vpc)
    ignition = nat_ignition(os=draft.environment.hosts.os, ssh_keys=draft.environment.hosts.ssh_keys)
    data, reads = boot_data(draft, ignition, _references(draft, tables))
    machine = Machine(
        instance_type=INSTANCE_TYPES[draft.environment.architecture],
        profile=_profile(draft, tables, reads),
        groups=[GetAtt(group, "GroupId")],
        volume_gb=VOLUME_GB,
        public_address=True,
        user_data=data,
    )
    template = launch_template(draft, "NatLaunchTemplate", machine)
    nat = draft.add(
        autoscaling.AutoScalingGroup(
            "NatGroup",
            DependsOn=["InternetAttachment", "PublicDefaultRoute"],
            MinSize="1",
            MaxSize="1",
            VPCZoneIdentifier=[Ref(subnet) for subnet in public],
            LaunchTemplate=autoscaling.LaunchTemplateSpecification(**version(template)),
            Tags=autoscaling.Tags(Name=f"{draft.environment.project}-{draft.environment.name}-nat"),
        )
    )
    draft.output("NatGroup", Ref(nat))


def _references(draft: Draft, tables: Sequence[ec2.RouteTable]) -> dict[str, object]:
    return {
        "REGION": Ref("AWS::Region"),
        "VPC_CIDR": draft.environment.network.cidr,
        "ROUTE_TABLES": Join("%20", [Ref(table) for table in tables]),
    }


def _security_group(draft: Draft, vpc: ec2.VPC) -> ec2.SecurityGroup:
    inside = ec2.SecurityGroupRule(
        IpProtocol="-1", CidrIp=draft.environment.network.cidr, Description="What goes out through here"
    )
    return draft.add(
        ec2.SecurityGroup(
            "NatSecurityGroup",
            VpcId=Ref(vpc),
            GroupDescription="The way out of the private subnets",
            SecurityGroupIngress=[inside],
            SecurityGroupEgress=[ANYWHERE],
            Tags=Tags(Name=f"{draft.environment.project}-{draft.environment.name}-nat"),
        )
    )


def _profile(draft: Draft, tables: Sequence[ec2.RouteTable], reads: list[Statement]) -> iam.InstanceProfile:
    environment = draft.environment
    mine = {
        "StringEquals": {
            f"aws:ResourceTag/{naming.environment_tag(environment.project)}": environment.name,
            f"aws:ResourceTag/{naming.part_tag(environment.project)}": draft.part,
        }
    }
    routes = [
        Sub(
            "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:route-table/${Table}",
            Table=Ref(table),
        )
        for table in tables
    ]
    instances = Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")
    nat_role = draft.add(
        role(
            "NatRole",
            environment,
            service="ec2.amazonaws.com",
            statements=[
                allow(["ec2:CreateRoute", "ec2:ReplaceRoute"], routes),
                allow(["ec2:ModifyInstanceAttribute"], instances, Condition=mine),
                *reads,
            ],
        )
    )
    return draft.add(
        iam.InstanceProfile(
            "NatProfile", Path=naming.role_path(environment.project, environment.name), Roles=[Ref(nat_role)]
        )
    )
