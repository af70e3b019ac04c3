"""What there is in an account, kind by kind, with the names and tags that the kinds' own listings tell.

One table says how each kind that we make anything of is listed. AWS filters nothing here, so that what is not ours, or
no longer called as we call it, is seen as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient
from infra.errors import NotFound

WORKERS = 8


@dataclass(frozen=True)
class Found:
    """One thing. `id` is what AWS's own calls take; `within` is the VPC that it lies in, or the cluster."""

    kind: str
    id: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""
    within: str = ""


@dataclass(frozen=True)
class Listing:
    """How a kind is listed, and which keys of an entry mean what. `inner` is a list within each entry."""

    kind: str
    service: str
    operation: str
    entries: str
    id: str = ""
    name: str = ""
    detail: str = ""
    within: str = ""
    inner: str = ""
    gone: frozenset[str] = frozenset()
    asked: Mapping[str, Any] = field(default_factory=dict)

    def read(self, entry: Any) -> Found:
        """Read one entry; some listings give nothing but ARNs, URLs or names."""
        if isinstance(entry, str):
            return Found(self.kind, entry, last_part(entry))
        tags = spelling.from_aws(
            entry.get("Tags") or entry.get("TagSet") or entry.get("TagList") or entry.get("tags")
        )
        id = str(entry.get(self.id) or "")
        name = str(entry.get(self.name) or tags.get("Name") or last_part(id))
        within = str(entry.get(self.within) or "")
        return Found(self.kind, id, name, tags, _state(entry.get(self.detail)), within)


def _ec2(kind: str, entries: str, id: str, operation: str, **more: Any) -> Listing:
    return Listing(kind, "ec2", operation, entries, id, **{"within": "VpcId", "detail": "State", **more})


def _named(
    kind: str, service: str, operation: str, entries: str, id: str = "", name: str = "", **more: Any
) -> Listing:
    return Listing(kind, service, operation, entries, id, name, **more)


NETWORK = (
    _ec2("network", "Vpcs", "VpcId", "describe_vpcs"),
    _ec2("subnet", "Subnets", "SubnetId", "describe_subnets"),
    _ec2("security group", "SecurityGroups", "GroupId", "describe_security_groups", name="GroupName"),
    _ec2("route table", "RouteTables", "RouteTableId", "describe_route_tables"),
    _ec2("internet gateway", "InternetGateways", "InternetGatewayId", "describe_internet_gateways"),
    _ec2("NAT gateway", "NatGateways", "NatGatewayId", "describe_nat_gateways", gone=frozenset({"deleted"})),
    _ec2("address", "Addresses", "AllocationId", "describe_addresses"),
    _ec2(
        "network interface",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        "describe_network_interfaces",
        detail="Status",
    ),
    _ec2("endpoint", "VpcEndpoints", "VpcEndpointId", "describe_vpc_endpoints", gone=frozenset({"deleted"})),
    _ec2(
        "connect endpoint",
        "InstanceConnectEndpoints",
        "InstanceConnectEndpointId",
        "describe_instance_connect_endpoints",
        gone=frozenset({"delete-complete"}),
    ),
    _ec2(
        "load balancer",
        "LoadBalancers",
        "LoadBalancerArn",
        "describe_load_balancers",
        name="LoadBalancerName",
    ),
    _ec2("target group", "TargetGroups", "TargetGroupArn", "describe_target_groups", name="TargetGroupName"),
)
MACHINES = (
    _ec2(
        "machine",
        "Reservations",
        "InstanceId",
        "describe_instances",
        inner="Instances",
        gone=frozenset({"terminated", "shutting-down"}),
    ),
    _ec2("volume", "Volumes", "VolumeId", "describe_volumes"),
    _ec2("launch template", "LaunchTemplates", "LaunchTemplateId", "describe_launch_templates", name="LaunchTemplateName"),
    _named("group of hosts", "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    _named("cluster", "ecs", "list_clusters", "clusterArns"),
    _named(
        "capacity provider",
        "ecs",
        "describe_capacity_providers",
        "capacityProviders",
        "capacityProviderArn",
        "name",
        detail="status",
        gone=frozenset({"INACTIVE"}),
    ),
    _named("task definition", "ecs", "list_task_definitions", "taskDefinitionArns"),
    _named("task definition", "ecs", "list_task_definitions", "taskDefinitionArns", asked={"status": "INACTIVE"}),
    _named("scaling target", "application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId",
           asked={"ServiceNamespace": "ecs"}),
)  # fmt: skip
DATA = (
    _named("database", "rds", "describe_db_instances", "DBInstances", "DBInstanceArn", detail="DBInstanceStatus"),
    _named(
        "database snapshot",
        "rds",
        "describe_db_snapshots",
        "DBSnapshots",
        "DBSnapshotArn",
        detail="Status",
        asked={"SnapshotType": "manual"},
    ),
    _named("database subnets", "rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    _named("database parameters", "rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    _named("secret", "secretsmanager", "list_secrets", "SecretList", "ARN", "Name", detail="DeletedDate",
           asked={"IncludePlannedDeletion": True}),
    _named("queue", "sqs", "list_queues", "QueueUrls"),
    _named("bucket", "s3", "list_buckets", "Buckets", "Name"),
)  # fmt: skip
REST = (
    _named("stack", "cloudformation", "describe_stacks", "Stacks", "StackId", "StackName", detail="StackStatus",
           gone=frozenset({"DELETE_COMPLETE"})),
    _named("log group", "logs", "describe_log_groups", "logGroups", "logGroupName", "logGroupName"),
    _named("topic", "sns", "list_topics", "Topics", "TopicArn"),
    _named("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmArn", "AlarmName"),
    _named("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName", "DashboardName"),
    _named("role", "iam", "list_roles", "Roles", "RoleName", within="Path"),
    _named("instance profile", "iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName", within="Path"),
    _named("hosted zone", "route53", "list_hosted_zones", "HostedZones", "Id", "Name"),
    _named("certificate", "acm", "list_certificates", "CertificateSummaryList", "CertificateArn", "DomainName"),
)  # fmt: skip
GOING_KEYS = frozenset({"PendingDeletion", "PendingReplicaDeletion"})
BALANCERS = {"load balancer": "elbv2", "target group": "elbv2"}
LISTINGS = tuple(
    replace(one, service=BALANCERS.get(one.kind, one.service)) for one in (*NETWORK, *MACHINES, *DATA, *REST)
)
KINDS = tuple(dict.fromkeys(("service", "key", *(one.kind for one in LISTINGS))))


class Census:
    """Everything in one account and region, of the kinds in the table."""

    def __init__(self, make: MakeClient) -> None:
        services = {one.service for one in LISTINGS} | {"kms", "resourcegroupstaggingapi"}
        self._clients = {service: Client(service, make) for service in services}

    def everything(self, tag: str) -> tuple[Found, ...]:
        """Return all there is, by kind and id, each with its tags where its listing or, for the key `tag`, AWS's
        tagging service tells them.
        """
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            tagged = pool.submit(self._tagged, tag)
            listed = pool.map(lambda one: tuple(self._listed(one)), LISTINGS)
            keys = pool.submit(self._keys)
            found = [one for group in listed for one in group] + keys.result()
            clusters = [one.id for one in found if one.kind == "cluster"]
            for services in pool.map(self._services, clusters):
                found += services
            tags = tagged.result()
        whole = (one if one.tags else replace(one, tags=tags.get(last_part(one.id), {})) for one in found)
        return tuple(sorted(whole, key=lambda one: (one.kind, one.id)))

    def _listed(self, listing: Listing) -> Iterator[Found]:
        client = self._clients[listing.service]
        for entry in client.all_items(listing.operation, listing.entries, **listing.asked):
            for one in entry[listing.inner] if listing.inner else (entry,):
                found = listing.read(one)
                if found.detail not in listing.gone:
                    yield found

    def _services(self, cluster: str) -> tuple[Found, ...]:
        try:
            arns = tuple(self._clients["ecs"].items("list_services", "serviceArns", cluster=cluster))
        except NotFound:
            return ()
        return tuple(Found("service", arn, last_part(arn), within=last_part(cluster)) for arn in arns)

    def _keys(self) -> list[Found]:
        """KMS lists ids alone; those of AWS's own and those that wait for their end are no matter."""
        client = self._clients["kms"]
        ids = [entry["KeyId"] for entry in client.items("list_keys", "Keys")]
        told = (client.call("describe_key", KeyId=id)["KeyMetadata"] for id in ids)
        return [
            Found("key", one["KeyId"], one["KeyId"], detail=one["KeyState"])
            for one in told
            if one["KeyManager"] == "CUSTOMER" and one["KeyState"] not in GOING_KEYS
        ]

    def _tagged(self, tag: str) -> dict[str, dict[str, str]]:
        """Tags by the last part of the ARN, which is the id or the name in a listing."""
        found = self._clients["resourcegroupstaggingapi"].items(
            "get_resources", "ResourceTagMappingList", TagFilters=[{"Key": tag}]
        )
        return {last_part(entry["ResourceARN"]): spelling.from_aws(entry.get("Tags")) for entry in found}


def last_part(id: str) -> str:
    """Return what follows the last slash, or the last colon where there is none after it; `family:7` stays whole."""
    tail = id.rpartition("/")[2]
    return tail if not id.startswith("arn:") or "/" in id else id.rpartition(":")[2]


def _state(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("Name") or value.get("Code") or "")
    return str(value or "")
