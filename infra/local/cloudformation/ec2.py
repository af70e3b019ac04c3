"""EC2 types that MiniStack lacks: addresses, NAT gateways, and security group rules that stand alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from infra.local import pin, wire
from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    """Register the types, and describe gateways and endpoints whole."""
    from ministack.services import ec2

    register("AWS::EC2::EIP", Address())
    register("AWS::EC2::NatGateway", NatGateway())
    register("AWS::EC2::SecurityGroupIngress", Rule("Ingress", "Source"))
    register("AWS::EC2::SecurityGroupEgress", Rule("Egress", "Destination"))
    describe = pin.original("services.ec2._describe_nat_gateways", sha="1673fcd2dd02")
    ec2._ACTION_MAP["DescribeNatGateways"] = lambda params: _with_addresses(describe(params))
    pin.replace("services.ec2._vpce_fields_xml", _vpc_endpoint_xml, sha="645fd486d622")


def set_tags(resource_id: str, old: Any, new: Any) -> None:
    """Lead an EC2 resource's tags from one list to another."""
    removed, changed = api.tag_changes(old, new)
    if removed:
        api.call("ec2", "DeleteTags", Resources=[resource_id], Tags=[{"Key": key} for key in removed])
    if changed:
        api.call("ec2", "CreateTags", Resources=[resource_id], Tags=changed)


class Address:
    """`AWS::EC2::EIP`; `Ref` is the address, `AllocationId` what other resources want."""

    def create(self, wanted: Wanted) -> Made:
        made = api.send("ec2", "AllocateAddress", api.without(wanted.properties, "Tags", "InstanceId"))
        allocation = made["AllocationId"]
        wanted.undo(lambda: api.call("ec2", "ReleaseAddress", AllocationId=allocation))
        self._associate(allocation, wanted.properties.get("InstanceId"))
        set_tags(allocation, None, wanted.properties.get("Tags"))
        return _address(made["PublicIp"], allocation)

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        allocation = self._allocation(existing.physical_id)
        if existing.properties.get("InstanceId") != wanted.properties.get("InstanceId"):
            self._associate(allocation, wanted.properties.get("InstanceId"))
        set_tags(allocation, existing.properties.get("Tags"), wanted.properties.get("Tags"))
        return _address(existing.physical_id, allocation)

    def delete(self, existing: Existing) -> None:
        with api.gone("InvalidAllocationID.NotFound", "InvalidAddress.NotFound"):
            api.call("ec2", "ReleaseAddress", AllocationId=self._allocation(existing.physical_id))

    def _associate(self, allocation: str, instance: str | None) -> None:
        if instance:
            api.call("ec2", "AssociateAddress", AllocationId=allocation, InstanceId=instance)

    def _allocation(self, public_ip: str) -> str:
        found = api.call("ec2", "DescribeAddresses")["Addresses"]
        return next(
            (str(each["AllocationId"]) for each in found if each["PublicIp"] == public_ip), "eipalloc-gone"
        )


def _address(public_ip: str, allocation: str) -> Made:
    return Made(public_ip, {"AllocationId": allocation, "PublicIp": public_ip})


class NatGateway:
    """`AWS::EC2::NatGateway`."""

    def create(self, wanted: Wanted) -> Made:
        made = api.send(
            "ec2", "CreateNatGateway", api.without(wanted.properties, "Tags", "MaxDrainDurationSeconds")
        )
        identifier = made["NatGateway"]["NatGatewayId"]
        wanted.undo(lambda: api.call("ec2", "DeleteNatGateway", NatGatewayId=identifier))
        set_tags(identifier, None, wanted.properties.get("Tags"))
        return Made(identifier, {"NatGatewayId": identifier})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        set_tags(existing.physical_id, existing.properties.get("Tags"), wanted.properties.get("Tags"))
        return Made(existing.physical_id, {"NatGatewayId": existing.physical_id})

    def delete(self, existing: Existing) -> None:
        with api.gone("NatGatewayNotFound"):
            api.call("ec2", "DeleteNatGateway", NatGatewayId=existing.physical_id)


def _with_addresses(answer: Any) -> Any:
    """MiniStack leaves out the address that a NAT gateway was given."""
    from ministack.services import ec2

    status, headers, body = answer

    def filled(match: re.Match[str]) -> str:
        allocation = ec2._nat_gateways.get(match[2], {}).get("AllocationId") or ""
        ip = ec2._addresses.get(allocation, {}).get("PublicIp", "")
        item = (
            f"<item><allocationId>{allocation}</allocationId><publicIp>{ip}</publicIp></item>"
            if allocation
            else ""
        )
        return f"{match[1]}<natGatewayAddressSet>{item}</natGatewayAddressSet>"

    text = body.decode() if isinstance(body, bytes) else body
    pattern = r"(?s)(<natGatewayId>([^<]+)</natGatewayId>.*?)<natGatewayAddressSet/>"
    return status, headers, re.sub(pattern, filled, text).encode()


def _vpc_endpoint_xml(record: dict[str, Any], tag: str = "item") -> str:
    """MiniStack describes an endpoint without its policy, security groups, private DNS and time."""
    from ministack.services import ec2

    policy = record.get("PolicyDocument")
    shown = record | {
        "PolicyDocument": json.dumps(policy) if isinstance(policy, dict) else policy,
        "Groups": [{"GroupId": group} for group in record.get("SecurityGroupIds", ())],
        "PrivateDnsEnabled": str(record.get("PrivateDnsEnabled")).lower() == "true",
        "Tags": ec2._tags.get(record["VpcEndpointId"], []),
    }
    return f"<{tag}>{wire.xml(wire.model('ec2').shape_for('VpcEndpoint'), shown)}</{tag}>"


@dataclass(frozen=True)
class Rule:
    """A rule of a security group that stands alone; `direction` is `Ingress` or `Egress`, `peer` what its
    other side is called."""

    direction: str
    peer: str

    def create(self, wanted: Wanted) -> Made:
        group = wanted.properties["GroupId"]
        made = api.call(
            "ec2",
            f"AuthorizeSecurityGroup{self.direction}",
            GroupId=group,
            IpPermissions=[self._permission(wanted.properties)],
        )
        identifier = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return Made(identifier, {"Id": identifier})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        """The description alone can change in place; rules are authorised again with the new one."""
        self.delete(existing)
        return Made(existing.physical_id, self.create(wanted).attributes)

    def delete(self, existing: Existing) -> None:
        with api.gone(
            "InvalidPermission.NotFound", "InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"
        ):
            api.call(
                "ec2",
                f"RevokeSecurityGroup{self.direction}",
                GroupId=existing.properties["GroupId"],
                IpPermissions=[self._permission(existing.properties)],
            )

    def _permission(self, properties: dict[str, Any]) -> dict[str, Any]:
        described = {"Description": properties["Description"]} if "Description" in properties else {}
        permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
        permission |= {key: int(properties[key]) for key in ("FromPort", "ToPort") if key in properties}
        for key, holder, name in (
            ("CidrIp", "IpRanges", "CidrIp"),
            ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
            (f"{self.peer}SecurityGroupId", "UserIdGroupPairs", "GroupId"),
            (f"{self.peer}PrefixListId", "PrefixListIds", "PrefixListId"),
        ):
            if key in properties:
                permission[holder] = [{name: properties[key]} | described]
        return permission
