"""Types that MiniStack makes but for one thing: that thing, done by a public call, and what may be left out and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.cloudformation.stock import stock as stock_handler
from infra.local.settings import Settings

WITHOUT_EFFECT: dict[str, frozenset[str]] = {
    # A key's deletion is immediate here: there is no waiting to shorten.
    "AWS::KMS::Key": frozenset({"PendingWindowInDays", "BypassPolicyLockoutSafetyCheck"}),
    # Images are the engine's own; the repository is empty when it goes.
    "AWS::ECR::Repository": frozenset({"EmptyOnDelete"}),
    # A certificate is issued at once: there is nothing to prove to nobody.
    "AWS::CertificateManager::Certificate": frozenset({"DomainValidationOptions"}),
    # No call of CloudWatch takes tags for a dashboard that MiniStack has.
    "AWS::CloudWatch::Dashboard": frozenset({"Tags"}),
}


def install(settings: Settings) -> None:
    for type_name, ignored in WITHOUT_EFFECT.items():
        _adapt(type_name, ignored, None)
    _adapt("AWS::IAM::Role", frozenset({"PermissionsBoundary"}), _bound)
    _adapt("AWS::ElasticLoadBalancingV2::ListenerRule", frozenset({"Tags"}), _tag_rule)
    _adapt("AWS::ElasticLoadBalancingV2::LoadBalancer", frozenset(), _locate)
    register("AWS::Scheduler::Schedule", Schedule())


def _adapt(
    type_name: str, ignored: frozenset[str], complete: Callable[[Made, dict[str, Any]], Made] | None
) -> None:
    stock = stock_handler(type_name)
    register(type_name, replace(stock, ignored=stock.ignored | ignored, complete=complete))


def _bound(made: Made, properties: dict[str, Any]) -> Made:
    """Set or remove the role's permissions boundary."""
    if "PermissionsBoundary" in properties:
        boundary = properties["PermissionsBoundary"]
        api.call("iam", "PutRolePermissionsBoundary", RoleName=made.physical_id, PermissionsBoundary=boundary)
    else:
        with api.gone("NoSuchEntity"):
            api.call("iam", "DeleteRolePermissionsBoundary", RoleName=made.physical_id)
    return made


def _tag_rule(made: Made, properties: dict[str, Any]) -> Made:
    wanted = properties.get("Tags", [])
    found = api.call("elbv2", "DescribeTags", ResourceArns=[made.physical_id])["TagDescriptions"]
    removed, changed = api.tag_changes(found[0].get("Tags") if found else None, wanted)
    if removed:
        api.call("elbv2", "RemoveTags", ResourceArns=[made.physical_id], TagKeys=removed)
    if changed:
        api.call("elbv2", "AddTags", ResourceArns=[made.physical_id], Tags=changed)
    return made


def _locate(made: Made, properties: dict[str, Any]) -> Made:
    """A balancer is in the VPC of its subnets; MiniStack puts every one into the default VPC."""
    from ministack.services import alb, ec2

    mapped = [mapping["SubnetId"] for mapping in properties.get("SubnetMappings", ())]
    subnets = properties.get("Subnets") or mapped
    vpcs = [ec2._subnets[subnet]["VpcId"] for subnet in subnets if subnet in ec2._subnets]
    if vpcs:
        alb._lbs[made.physical_id]["VpcId"] = vpcs[0]
    return made


class Schedule:
    """`AWS::Scheduler::Schedule`: MiniStack's handler drops the time zone and most of the target; its call does not."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.properties.get("Name") or wanted.name(64)
        arn = api.send("scheduler", "CreateSchedule", wanted.properties | {"Name": name})["ScheduleArn"]
        return Made(name, {"Arn": arn})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        arn = api.send("scheduler", "UpdateSchedule", wanted.properties | {"Name": existing.physical_id})[
            "ScheduleArn"
        ]
        return Made(existing.physical_id, {"Arn": arn})

    def delete(self, existing: Existing) -> None:
        group = {key: existing.properties[key] for key in ("GroupName",) if key in existing.properties}
        with api.gone("ResourceNotFoundException"):
            api.call("scheduler", "DeleteSchedule", Name=existing.physical_id, **group)
