"""The simulated hosts: as many container instances as an Auto Scaling group wants, each with its instance type's CPU and memory.

All of them are the one Docker engine; what differs is what placement counts, and what goes when one is lost.
"""

from __future__ import annotations

from typing import Any

from ministack.services import autoscaling, ec2, ecs

from infra.local.ecs import faults, instance_types, machines, placement
from infra.local.ecs.records import LOCK, Record, arn, clusters, instances, new_id, now, place, tail, tasks

FOR_TASKS = 0.95
"""The share of an instance's memory that its agent registers; kernel and agent keep the rest."""
DEFAULT_TYPE = "t3.medium"
LEAVING = "Terminating:Wait"
"""How a group describes a host that its scale-in ends, while ECS drains it (managed instance draining)."""


def capacity(instance_type: str) -> tuple[int, int]:
    """Return CPU units and MiB that a host of this type registers."""
    cpus, memory = instance_types.size(instance_type)
    return cpus * 1024, int(memory * FOR_TASKS)


def group_of(provider: str) -> Record | None:
    """Return the Auto Scaling group behind a capacity provider, by its ARN or name."""
    record = ecs._capacity_providers.get(provider) or {}
    reference = (record.get("autoScalingGroupProvider") or {}).get("autoScalingGroupArn", "")
    found: Record | None = autoscaling._asgs.get(tail(reference)) if reference else None
    return found


def is_scaled(provider: str) -> bool:
    """Tell whether ECS grows the provider's group when tasks wait (managed scaling)."""
    record = ecs._capacity_providers.get(provider) or {}
    scaling = (record.get("autoScalingGroupProvider") or {}).get("managedScaling") or {}
    return scaling.get("status") == "ENABLED"


def sync() -> list[str]:
    """Make container instances follow the groups; return the ARNs of those that are gone, whose tasks are lost."""
    with LOCK:
        for group in autoscaling._asgs.values():
            fill(group)
        wanted = {}
        for cluster in clusters():
            for provider in cluster.get("capacityProviders") or []:
                for member in (group_of(provider) or {}).get("Instances", []):
                    wanted[member["InstanceId"]] = (cluster, provider, member)
        known = {record["ec2InstanceId"]: record for record in instances.values()}
        for instance_id in wanted.keys() - known.keys():
            _register(*wanted[instance_id])
        lost = known.keys() - wanted.keys()
        for instance_id in lost:
            end(instance_id)
        gone = [known[instance_id]["containerInstanceArn"] for instance_id in lost]
        for instance_arn in gone:
            del instances[instance_arn]
        return gone


def fill(group: Record) -> None:
    """Launch or end instances until the group has its desired capacity; a host with tasks drains before it ends.

    One that leaves counts no more and does not come back
    (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html).
    """
    with LOCK:
        members = group["Instances"]
        members[:] = [member for member in members if _is_running(member["InstanceId"])]
        staying = [member for member in members if member["LifecycleState"] == "InService"]
        while len(staying) < int(group["DesiredCapacity"]) and not faults.is_on("no-capacity"):
            staying.append(_launch(group))
            members.append(staying[-1])
        surplus = max(0, len(staying) - int(group["DesiredCapacity"]))
        for member in sorted(staying, key=lambda item: _load(item["InstanceId"]))[:surplus]:
            member["LifecycleState"] = LEAVING
        for member in [member for member in members if member["LifecycleState"] == LEAVING]:
            record = by_instance(member["InstanceId"])
            if record is None or not _load(member["InstanceId"]):
                members.remove(member)
                end(member["InstanceId"])
            else:
                record["status"] = "DRAINING"


def end(instance_id: str) -> None:
    """Mark the EC2 instance as terminated."""
    record = ec2._instances.get(instance_id)
    if record:
        record["State"] = {"Code": 48, "Name": "terminated"}
        record["_terminated_at"] = now()
        machines.drop_volumes(instance_id)


def by_instance(instance_id: str) -> Record | None:
    return next((record for record in instances.values() if record["ec2InstanceId"] == instance_id), None)


def on(instance_arn: str) -> list[Record]:
    """Return the tasks on a host that have not stopped."""
    return [
        task
        for task in tasks()
        if task.get("containerInstanceArn") == instance_arn and task["lastStatus"] != "STOPPED"
    ]


def of_cluster(cluster_arn: str) -> list[Record]:
    return [record for record in instances.values() if record["_cluster"] == cluster_arn]


def candidates(cluster_arn: str, provider: str | None) -> list[placement.Host]:
    """Return the hosts that may take a task: active, connected, and of the capacity provider when one is named."""
    return [
        as_host(record)
        for record in of_cluster(cluster_arn)
        if record["status"] == "ACTIVE"
        and record["agentConnected"]
        and provider in (None, record.get("capacityProviderName"))
    ]


def as_host(record: Record) -> placement.Host:
    """Return the host with what its tasks leave of it."""
    used = on(record["containerInstanceArn"])
    return placement.Host(
        record["containerInstanceArn"],
        record["_cpu"] - sum(task["_need"]["cpu"] for task in used),
        record["_memory"] - sum(task["_need"]["memory"] for task in used),
        record["_zone"],
        frozenset(port for task in used for port in task["_need"]["ports"]),
        tuple(task["group"] for task in used),
    )


def grow(provider: str) -> bool:
    """Add one to the group's desired capacity; False when it is at its maximum or nothing can be launched."""
    group = group_of(provider)
    if group is None or int(group["DesiredCapacity"]) >= int(group["MaxSize"]):
        return False
    if len(group["Instances"]) < int(group["DesiredCapacity"]):
        return False
    group["DesiredCapacity"] = int(group["DesiredCapacity"]) + 1
    return True


def _register(cluster: Record, provider: str, member: Record) -> None:
    instance_type = (ec2._instances.get(member["InstanceId"]) or {}).get("InstanceType", DEFAULT_TYPE)
    cpu, memory = capacity(instance_type)
    zone = member["AvailabilityZone"]
    instance_arn = arn("container-instance", cluster["clusterName"], new_id())
    attributes = {
        "ecs.availability-zone": zone,
        "ecs.instance-type": instance_type,
        "ecs.os-type": "linux",
        "ecs.cpu-architecture": "x86_64",
        "ecs.capability.docker-remote-api.1.41": None,
        "com.amazonaws.ecs.capability.logging-driver.awslogs": None,
    }
    instances[instance_arn] = {
        "containerInstanceArn": instance_arn,
        "ec2InstanceId": member["InstanceId"],
        "capacityProviderName": provider,
        "status": "ACTIVE",
        "agentConnected": True,
        "registeredAt": now(),
        "attributes": [
            {"name": key} | ({"value": value} if value else {}) for key, value in attributes.items()
        ],
        "_cluster": cluster["clusterArn"],
        "_cpu": cpu,
        "_memory": memory,
        "_zone": zone,
    }


def _launch(group: Record) -> Record:
    """Make an EC2 record and return the group's member for it."""
    data = _template(group)
    subnets = [name for name in str(group.get("VPCZoneIdentifier") or "").split(",") if name]
    subnet = subnets[len(group["Instances"]) % len(subnets)] if subnets else ec2._DEFAULT_SUBNET_ID
    zone = (ec2._subnets.get(subnet) or {}).get("AvailabilityZone") or f"{place().settings.region}a"
    made = ec2._launch_instances_internal(
        data.get("ImageId") or "ami-00000000",
        _instance_type(group, data),
        subnet,
        1,
        user_data=data.get("UserData") or "",
    )[0]
    made["Placement"] = {"AvailabilityZone": zone, "Tenancy": "default"}
    ec2._tags[made["InstanceId"]] = [
        {"Key": tag["Key"], "Value": tag["Value"]}
        for tag in group.get("Tags") or []
        if tag.get("PropagateAtLaunch")
    ] + [{"Key": "aws:autoscaling:groupName", "Value": group["AutoScalingGroupName"]}]
    return {
        "InstanceId": made["InstanceId"],
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "AvailabilityZone": zone,
        "ProtectedFromScaleIn": bool(group.get("NewInstancesProtectedFromScaleIn")),
        "LaunchTemplate": group.get("LaunchTemplate") or {},
        "LaunchConfigurationName": group.get("LaunchConfigurationName", ""),
    }


def _template(group: Record) -> dict[str, Any]:
    """Return the launch template's data, the group's own or the one in its mixed-instances policy."""
    mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    reference = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    wanted = {reference.get("LaunchTemplateId"), reference.get("LaunchTemplateName")} - {None, ""}
    for template in ec2._launch_templates.values():
        if wanted & {template["LaunchTemplateId"], template["LaunchTemplateName"]}:
            data: dict[str, Any] = template["Versions"][-1].get("LaunchTemplateData") or {}
            return data
    return {}


def _instance_type(group: Record, data: dict[str, Any]) -> str:
    mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    types = [item["InstanceType"] for item in mixed.get("Overrides") or [] if item.get("InstanceType")]
    return str((types or [data.get("InstanceType") or DEFAULT_TYPE])[0])


def _is_running(instance_id: str) -> bool:
    record = ec2._instances.get(instance_id)
    return record is not None and record["State"]["Name"] in ("pending", "running")


def _load(instance_id: str) -> int:
    record = by_instance(instance_id)
    return len(on(record["containerInstanceArn"])) if record else 0
