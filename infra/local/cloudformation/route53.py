"""`AWS::Route53::HostedZone`: MiniStack's makes every zone public; private zones are what services find each
other by."""

from __future__ import annotations

import uuid
from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    register("AWS::Route53::HostedZone", HostedZone())


class HostedZone:
    """A zone is private when it names a VPC."""

    def create(self, wanted: Wanted) -> Made:
        values = wanted.properties
        vpcs = values.get("VPCs", [])
        comment = (values.get("HostedZoneConfig") or {}).get("Comment", "")
        known = api.without(values, "VPCs", "HostedZoneConfig", "HostedZoneTags")
        fixed: dict[str, Any] = {"HostedZoneConfig": {"Comment": comment, "PrivateZone": bool(vpcs)}}
        if vpcs:
            fixed["VPC"] = vpcs[0]
        answer = api.send(
            "route53", "CreateHostedZone", known | {"CallerReference": str(uuid.uuid4())}, **fixed
        )
        zone = answer["HostedZone"]["Id"].rpartition("/")[2]
        wanted.undo(lambda: api.call("route53", "DeleteHostedZone", Id=zone))
        for vpc in vpcs[1:]:
            api.call("route53", "AssociateVPCWithHostedZone", HostedZoneId=zone, VPC=vpc)
        _set_tags(zone, None, values.get("HostedZoneTags"))
        return Made(zone, {"Id": zone} | self._servers(zone))

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        zone, old, new = existing.physical_id, existing.properties, wanted.properties
        comment = (new.get("HostedZoneConfig") or {}).get("Comment", "")
        api.call("route53", "UpdateHostedZoneComment", Id=zone, Comment=comment)
        for vpc in new.get("VPCs", []):
            if vpc not in old.get("VPCs", []):
                api.call("route53", "AssociateVPCWithHostedZone", HostedZoneId=zone, VPC=vpc)
        for vpc in old.get("VPCs", []):
            if vpc not in new.get("VPCs", []):
                api.call("route53", "DisassociateVPCFromHostedZone", HostedZoneId=zone, VPC=vpc)
        _set_tags(zone, old.get("HostedZoneTags"), new.get("HostedZoneTags"))
        return Made(zone, {"Id": zone} | self._servers(zone))

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchHostedZone"):
            api.call("route53", "DeleteHostedZone", Id=existing.physical_id)

    def _servers(self, zone: str) -> dict[str, Any]:
        """A private zone has no delegation set, and so no `NameServers`."""
        answer = api.call("route53", "GetHostedZone", Id=zone)
        return {"NameServers": answer["DelegationSet"]["NameServers"]} if answer.get("DelegationSet") else {}


def _set_tags(zone: str, old: Any, new: Any) -> None:
    removed, changed = api.tag_changes(old, new)
    if removed or changed:
        values: dict[str, Any] = {"AddTags": changed} if changed else {}
        values |= {"RemoveTagKeys": removed} if removed else {}
        api.call("route53", "ChangeTagsForResource", ResourceType="hostedzone", ResourceId=zone, **values)
