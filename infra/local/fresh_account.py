"""What an AWS account finds there and the emulator lacks: the hosts' public images, linked roles, its own zones."""

from __future__ import annotations

import json
from typing import Any

from infra.local import pin
from infra.local.settings import Settings

# Owner, name and root device of the images that the two projects publish; the ids are this cloud's own.
HOST_IMAGES = (
    ("ami-0f1a7ca0000000001", "Flatcar-stable-4593.2.5-hvm", "075585003325"),
    ("ami-0f1a7ca0000000002", "Flatcar-stable-4593.2.5-arm64-hvm", "075585003325"),
    ("ami-0fc05000000000001", "fedora-coreos-44.20260802.3.1-x86_64", "125523088429"),
    ("ami-0fc05000000000002", "fedora-coreos-44.20260802.3.1-aarch64", "125523088429"),
)
LINKED_ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "ec2-instance-connect.amazonaws.com": "AWSServiceRoleForEc2InstanceConnect",
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
}
"""As AWS names them (IAM user guide, service-linked roles of each service)."""


_zones: list[tuple[str, str]] = []


def install(settings: Settings) -> None:
    """Offer the images and name the roles."""
    from ministack.services import ec2, iam

    for image, name, owner in HOST_IMAGES:
        ec2._STUB_AMIS.append((image, name, name, "", "/dev/xvda", owner, None))
    _zones[:] = settings.zones
    view = pin.original("services.ec2._stub_image_view", sha="0d26d35fc456")
    create = pin.original("services.iam._create_service_linked_role", sha="91eea53d4cec")

    def with_architecture(*stub: Any) -> Any:
        arm = "arm64" in stub[1] or "aarch64" in stub[1]
        return view(*stub) | {"Architecture": "arm64" if arm else "x86_64"}

    def with_name(parameters: Any) -> Any:
        service = iam._p(parameters, "AWSServiceName")
        name = LINKED_ROLES.get(service)
        return create(parameters) if name is None else _create(iam, service, name)

    ec2._stub_image_view = with_architecture
    iam._IAM_HANDLERS["CreateServiceLinkedRole"] = with_name


async def start() -> None:
    """Put in the zones that the account has already, unless the saved state brought them back."""
    from ministack.services import route53

    for zone, name in _zones:
        if zone not in route53._zones:
            route53._zones[zone] = _zone(zone, name)
            route53._records[zone] = route53._default_records(f"{name}.")


async def stop() -> None:
    """Nothing runs here."""


def _zone(zone: str, name: str) -> dict[str, Any]:
    return {
        "id": zone,
        "name": f"{name}.",
        "caller_reference": zone,
        "comment": "",
        "private": False,
        "vpcs": [],
    }


def _create(iam: Any, service: str, name: str) -> Any:
    if name in iam._roles:
        return iam._error(
            400, "InvalidInput", f"Service role name {name} has been taken in this account.", ns="iam"
        )
    principal = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    path = f"/aws-service-role/{service}/"
    iam._roles[name] = {
        "RoleName": name,
        "Arn": f"arn:aws:iam::{iam.get_account_id()}:role{path}{name}",
        "RoleId": iam._gen_id("AROA"),
        "CreateDate": iam._now(),
        "Path": path,
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [principal]}),
        "Description": f"Service-linked role for {service}",
        "MaxSessionDuration": 3600,
        "AttachedPolicies": [],
        "InlinePolicies": {},
        "Tags": [],
    }
    answer = (
        f"<CreateServiceLinkedRoleResult><Role>{iam._role_xml(name)}</Role></CreateServiceLinkedRoleResult>"
    )
    return iam._xml(200, "CreateServiceLinkedRoleResponse", answer, ns="iam")
