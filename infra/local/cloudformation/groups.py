"""`AWS::AutoScaling::AutoScalingGroup`: the whole of a group is kept and described; who makes its hosts reads
it from there."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from infra.local import persistence, pin, wire
from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.ecs import host_api
from infra.local.errors import LocalCloudError
from infra.local.settings import Settings

SPELLING = {"Cooldown": "DefaultCooldown", "ServiceLinkedRoleARN": "ServiceLinkedRoleARN"}
SAID_OTHERWISE = {"Tags", "AutoScalingGroupName", "DesiredCapacity", "VPCZoneIdentifier", "MetricsCollection"}

_settings: list[Settings] = []


def install(settings: Settings) -> None:
    from ministack.services import autoscaling

    _settings[:] = [settings]
    register("AWS::AutoScaling::AutoScalingGroup", Group())
    pin.original("services.autoscaling._describe_asgs", sha="c477261634b0")
    autoscaling._ACTION_MAP["DescribeAutoScalingGroups"] = _describe
    autoscaling._ACTION_MAP["TerminateInstanceInAutoScalingGroup"] = _terminate
    autoscaling._ACTION_MAP["SetInstanceProtection"] = _protect


def _describe(params: dict[str, list[str] | str]) -> wire.Answer:
    from ministack.services import autoscaling

    asked = wire.parsed("autoscaling", "DescribeAutoScalingGroups", params)
    names = asked.get("AutoScalingGroupNames")
    groups = [group for name, group in autoscaling._asgs.items() if not names or name in names]
    for wanted in asked.get("Filters", ()):
        groups = [group for group in groups if _matches(group, wanted)]
    return wire.answer("autoscaling", "DescribeAutoScalingGroups", {"AutoScalingGroups": groups})


def _terminate(params: dict[str, list[str] | str]) -> wire.Answer:
    """TerminateInstanceInAutoScalingGroup: the instance ends with what runs on it; its group makes another."""
    from ministack.services import autoscaling

    asked = wire.parsed("autoscaling", "TerminateInstanceInAutoScalingGroup", params)
    instance = asked["InstanceId"]
    for group in autoscaling._asgs.values():
        if any(member["InstanceId"] == instance for member in group["Instances"]):
            if asked.get("ShouldDecrementDesiredCapacity"):
                group["DesiredCapacity"] = max(int(group["DesiredCapacity"]) - 1, 0)
            if not host_api.lose(instance):
                group["Instances"] = [one for one in group["Instances"] if one["InstanceId"] != instance]
            activity = {
                "ActivityId": str(uuid.uuid4()),
                "AutoScalingGroupName": group["AutoScalingGroupName"],
            }
            return wire.answer("autoscaling", "TerminateInstanceInAutoScalingGroup", {"Activity": activity})
    error: wire.Answer = autoscaling._error(
        "ValidationError", f"Instance Id not found - No managed instance found for {instance}"
    )
    return error


def _protect(params: dict[str, list[str] | str]) -> wire.Answer:
    """MiniStack lacks it: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceProtection.html"""
    from ministack.services import autoscaling

    asked = wire.parsed("autoscaling", "SetInstanceProtection", params)
    for member in autoscaling._asgs.get(asked["AutoScalingGroupName"], {}).get("Instances", ()):
        if member["InstanceId"] in asked["InstanceIds"]:
            member["ProtectedFromScaleIn"] = asked["ProtectedFromScaleIn"]
    return wire.answer("autoscaling", "SetInstanceProtection", {})


def _matches(group: dict[str, Any], wanted: dict[str, Any]) -> bool:
    name, values = wanted["Name"], set(wanted.get("Values", ()))
    tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", ())}
    if name == "tag-key":
        return bool(values & tags.keys())
    if name == "tag-value":
        return bool(values & set(tags.values()))
    return name.startswith("tag:") and tags.get(name.removeprefix("tag:")) in values


class Group:
    """A group of a stack; without a desired capacity it begins at its minimum, and an update leaves it where it is."""

    def create(self, wanted: Wanted) -> Made:
        from ministack.services import autoscaling

        name = wanted.properties.get("AutoScalingGroupName") or wanted.name(255)
        if name in autoscaling._asgs:
            raise LocalCloudError(f"AutoScalingGroup by this name already exists: {name}")
        settings = _settings[0]
        group: dict[str, Any] = {
            "AutoScalingGroupName": name,
            "AutoScalingGroupARN": (
                f"arn:aws:autoscaling:{settings.region}:{settings.account}:autoScalingGroup:{uuid.uuid4()}"
                f":autoScalingGroupName/{name}"
            ),
            "CreatedTime": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "Instances": [],
            "Status": "",
            "DesiredCapacity": int(wanted.properties.get("DesiredCapacity") or wanted.properties["MinSize"]),
        }
        group |= _fields(name, wanted.properties)
        autoscaling._tags[name] = group["Tags"]
        autoscaling._asgs[name] = group
        autoscaling._reconcile_instances(group)
        return _made(group)

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        from ministack.services import autoscaling

        group: dict[str, Any] = autoscaling._asgs[existing.physical_id]
        for gone in existing.properties.keys() - wanted.properties.keys() - SAID_OTHERWISE:
            group.pop(SPELLING.get(gone, gone), None)
        group |= _fields(existing.physical_id, wanted.properties)
        desired = int(wanted.properties.get("DesiredCapacity", str(group["DesiredCapacity"])))
        group["DesiredCapacity"] = max(group["MinSize"], min(group["MaxSize"], desired))
        autoscaling._tags[existing.physical_id] = group["Tags"]
        persistence.touch("autoscaling")
        autoscaling._reconcile_instances(group)
        return _made(group)

    def delete(self, existing: Existing) -> None:
        """The group's hosts end with it; one that is protected from scale-in keeps it from going, as on AWS."""
        from ministack.services import autoscaling

        group = autoscaling._asgs.get(existing.physical_id, {})
        protected = [
            one["InstanceId"] for one in group.get("Instances", ()) if one.get("ProtectedFromScaleIn")
        ]
        if protected:
            raise LocalCloudError(f"instances are protected from scale in: {', '.join(sorted(protected))}")
        # At zero, nobody launches another host while these end.
        group |= {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
        hosts = _machines(existing.physical_id)
        if hosts:
            api.call("ec2", "TerminateInstances", InstanceIds=hosts)
        api.call(
            "autoscaling",
            "DeleteAutoScalingGroup",
            AutoScalingGroupName=existing.physical_id,
            ForceDelete=True,
        )


def _machines(group: str) -> list[str]:
    """Return the instances that were launched for a group and have not ended, members of it or no longer."""
    from ministack.services import ec2

    mark = {"Key": "aws:autoscaling:groupName", "Value": group}
    return [
        name
        for name, record in ec2._instances.items()
        if mark in ec2._tags.get(name, ()) and record["State"]["Name"] != "terminated"
    ]


def _made(group: dict[str, Any]) -> Made:
    return Made(group["AutoScalingGroupName"], {"AutoScalingGroupARN": group["AutoScalingGroupARN"]})


def _fields(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return what the template says as the API describes it; raises for a property that no description has a
    place for."""
    given = {SPELLING.get(key, key): value for key, value in properties.items() if key not in SAID_OTHERWISE}
    shape = wire.model("autoscaling").shape_for("AutoScalingGroup")
    fields: dict[str, Any] = api.shaped(shape, given, "AWS::AutoScaling::AutoScalingGroup")
    zones = properties.get("VPCZoneIdentifier", [])
    fields["VPCZoneIdentifier"] = ",".join(zones) if isinstance(zones, list) else zones
    fields["LaunchTemplate"] = _named(fields.get("LaunchTemplate"))
    metrics = [
        metric
        for each in properties.get("MetricsCollection", ())
        for metric in each.get("Metrics", ["GroupDesiredCapacity"])
    ]
    fields["EnabledMetrics"] = [{"Metric": metric, "Granularity": "1Minute"} for metric in metrics]
    fields["Tags"] = [
        {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": tag["Key"], "Value": str(tag["Value"]),
         "PropagateAtLaunch": str(tag["PropagateAtLaunch"]).lower() == "true"}
        for tag in properties.get("Tags", ())
    ]  # fmt: skip
    defaults = {
        "DefaultCooldown": 300,
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 0,
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": False,
        "LaunchConfigurationName": "",
        "AvailabilityZones": _zones(zones),
    }
    return defaults | fields


def _named(template: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a launch template's reference with both its id and its name; a mixed-instances group has none of
    its own."""
    from ministack.services import ec2

    if not template:
        return None
    wanted = {template.get("LaunchTemplateId"), template.get("LaunchTemplateName")}
    for record in ec2._launch_templates.values():
        if wanted & {record["LaunchTemplateId"], record["LaunchTemplateName"]}:
            return template | {key: record[key] for key in ("LaunchTemplateId", "LaunchTemplateName")}
    raise LocalCloudError("The specified launch template does not exist.")


def _zones(subnets: Any) -> list[str]:
    from ministack.services import ec2

    found = [ec2._subnets.get(subnet, {}).get("AvailabilityZone", "") for subnet in subnets if subnet]
    return sorted({zone for zone in found if zone})
