"""Who holds what a stack could not delete: the message must name what a person has to look at."""

from __future__ import annotations

from infra.aws import Aws
from infra.errors import AwsError

NETWORK_TYPES = ("AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::EC2::InternetGateway")


def holders(aws: Aws, stack: str) -> str:
    """Return what is still in the way of a failed deletion, as the end of a sentence; empty where nothing is known."""
    try:
        failed = [one for one in aws.cloudformation.resources(stack) if one.status == "DELETE_FAILED"]
        found = []
        for one in failed:
            if one.type in NETWORK_TYPES:
                found += _interfaces(aws, stack, one.physical_id)
            elif one.reason:
                found.append(f"{one.physical_id}: {one.reason}")
    except AwsError:
        return ""
    return f"; held by {', '.join(dict.fromkeys(found))}" if found else ""


def _interfaces(aws: Aws, stack: str, held: str) -> list[str]:
    networks = [one.physical_id for one in aws.cloudformation.resources(stack) if one.type == "AWS::EC2::VPC"]
    return [
        f"network interface {one.id} of {one.holder} ({one.status})"
        for network in networks
        for one in aws.ec2.network_interfaces(network)
        if held in (network, one.subnet, *one.security_groups)
    ]
