"""EC2 instance connect endpoints, which MiniStack lacks: the calls, the type and the records."""

from __future__ import annotations

import secrets
from typing import Any

from infra.local import persistence, wire
from infra.local.cloudformation import api
from infra.local.cloudformation.ec2 import set_tags
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings

_endpoints: dict[str, dict[str, Any]] = {}
"""By id, as `DescribeInstanceConnectEndpoints` shows them."""


def install(settings: Settings) -> None:
    """Register the type and answer its calls."""
    from ministack.services import ec2

    register("AWS::EC2::InstanceConnectEndpoint", ConnectEndpoint())
    persistence.keep("instance-connect-endpoints", lambda: dict(_endpoints), _endpoints.update)
    for action in ("Create", "Describe", "Delete"):
        name = f"{action}InstanceConnectEndpoint" + "s" * (action == "Describe")
        ec2._ACTION_MAP[name] = _endpoint_call(name, settings)


class ConnectEndpoint:
    """`AWS::EC2::InstanceConnectEndpoint`."""

    def create(self, wanted: Wanted) -> Made:
        made = api.send("ec2", "CreateInstanceConnectEndpoint", api.without(wanted.properties, "Tags"))
        identifier = made["InstanceConnectEndpoint"]["InstanceConnectEndpointId"]
        wanted.undo(
            lambda: api.call("ec2", "DeleteInstanceConnectEndpoint", InstanceConnectEndpointId=identifier)
        )
        set_tags(identifier, None, wanted.properties.get("Tags"))
        return Made(identifier, {"Id": identifier})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        set_tags(existing.physical_id, existing.properties.get("Tags"), wanted.properties.get("Tags"))
        return Made(existing.physical_id, {"Id": existing.physical_id})

    def delete(self, existing: Existing) -> None:
        with api.gone("InvalidInstanceConnectEndpointId.NotFound"):
            api.call("ec2", "DeleteInstanceConnectEndpoint", InstanceConnectEndpointId=existing.physical_id)


def _endpoint_call(action: str, settings: Settings) -> Any:
    def handle(params: dict[str, list[str]]) -> wire.Answer:
        asked = wire.parsed("ec2", action, params)
        if action.startswith("Create"):
            made = _endpoint(asked, settings)
            _endpoints[made["InstanceConnectEndpointId"]] = made
            return wire.answer("ec2", action, {"InstanceConnectEndpoint": made})
        if action.startswith("Delete"):
            gone = _endpoints.pop(asked["InstanceConnectEndpointId"], None)
            if gone is None:
                return wire.error("InvalidInstanceConnectEndpointId.NotFound", "The endpoint does not exist")
            return wire.answer(
                "ec2", action, {"InstanceConnectEndpoint": gone | {"State": "delete-complete"}}
            )
        wanted = asked.get("InstanceConnectEndpointIds") or list(_endpoints)
        return wire.answer(
            "ec2",
            action,
            {
                "InstanceConnectEndpoints": [
                    _tagged(each)
                    for each in _endpoints.values()
                    if each["InstanceConnectEndpointId"] in wanted
                ]
            },
        )

    return handle


def _endpoint(asked: dict[str, Any], settings: Settings) -> dict[str, Any]:
    from ministack.services import ec2

    arn = f"arn:aws:ec2:{settings.region}:{settings.account}"
    identifier = f"eice-{secrets.token_hex(8)}0"
    subnet = ec2._subnets.get(asked["SubnetId"], {})
    return {
        "InstanceConnectEndpointId": identifier,
        "InstanceConnectEndpointArn": f"{arn}:instance-connect-endpoint/{identifier}",
        "OwnerId": settings.account,
        "State": "create-complete",
        "SubnetId": asked["SubnetId"],
        "VpcId": subnet.get("VpcId", ""),
        "AvailabilityZone": subnet.get("AvailabilityZone", ""),
        "SecurityGroupIds": asked.get("SecurityGroupIds", []),
        "PreserveClientIp": asked.get("PreserveClientIp", False),
    }


def _tagged(endpoint: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import ec2

    return endpoint | {"Tags": ec2._tags.get(endpoint["InstanceConnectEndpointId"], [])}
