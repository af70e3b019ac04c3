"""What an environment costs a month, from its templates and a price list. Pure.

Counted: what costs money by being there, at its least size. Not counted: traffic, requests, log volume, backups beyond
the free share, credits of burstable types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

Template = Mapping[str, Any]
Resources = Mapping[str, Mapping[str, Any]]
Prices = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One line of a bill. `each` is in dollars a month; None where the price list has no price for it."""

    what: str
    count: float
    each: float | None
    part: str = ""

    @property
    def dollars(self) -> float:
        """What the line comes to a month."""
        return self.count * (self.each or 0.0)


@dataclass(frozen=True)
class Bill:
    """An environment's month. `most` is the total when hosts are at their greatest number."""

    items: tuple[Item, ...]
    most: float
    date: str
    region: str

    @property
    def dollars(self) -> float:
        """The total a month, at the least size."""
        return round(sum(item.dollars for item in self.items), 2)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """What the price list does not know."""
        return tuple(sorted({item.what for item in self.items if item.each is None}))


def bill(templates: Mapping[str, str], prices: Prices) -> Bill:
    """Return what the stacks of an environment cost; `templates` by part, as JSON text."""
    read = {part: json.loads(text or "{}").get("Resources", {}) for part, text in templates.items()}
    zones = sum(1 for one in _of(read.get("network", {}), "AWS::EC2::Subnet") if "Public" in one[0]) or 2
    items: list[Item] = []
    extra = 0.0
    for part, resources in sorted(read.items()):
        found = list(_items(part, resources, read, prices, zones))
        items += [item for item, _ in found]
        extra += sum(more for _, more in found)
    lines = _merged(items)
    total = sum(item.dollars for item in lines)
    return Bill(lines, round(total + extra, 2), str(prices["date"]), str(prices["region"]))


def _items(
    part: str, resources: Resources, read: Mapping[str, Resources], prices: Prices, zones: int
) -> Iterator[tuple[Item, float]]:
    """Yield each line with what it may cost more when it is at its greatest size."""
    for title, resource in sorted(resources.items()):
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::AutoScaling::AutoScalingGroup":
                yield from _hosts(part, properties, resources, prices)
            case "AWS::RDS::DBInstance":
                yield from ((item, 0.0) for item in _database(part, properties, prices))
            case "AWS::ElasticLoadBalancingV2::LoadBalancer":
                yield from ((item, 0.0) for item in _balancer(part, properties, prices, zones))
            case "AWS::EC2::VPCEndpoint" if properties.get("VpcEndpointType") == "Interface":
                count = len(properties.get("SubnetIds", ())) or zones
                yield Item("interface endpoints", count, _hourly(prices, "interface_endpoint"), part), 0.0
            case "AWS::ECS::Service" if "NetworkConfiguration" in properties:
                yield from ((item, 0.0) for item in _fargate(part, title, properties, read, prices))
            case kind if kind in _FLAT:
                what, group, name = _FLAT[kind]
                each = _hourly(prices, name) if group == "hour" else prices["month"].get(name)
                yield Item(what, 1, each, part), 0.0


# Types that cost the same whatever their properties.
_FLAT = {
    "AWS::EC2::NatGateway": ("NAT gateways", "hour", "nat_gateway"),
    "AWS::EC2::EIP": ("public IPv4 addresses", "hour", "public_ipv4"),
    "AWS::SecretsManager::Secret": ("secrets", "month", "secret"),
    "AWS::Route53::HostedZone": ("hosted zones", "month", "hosted_zone"),
    "AWS::CloudWatch::Alarm": ("alarms", "month", "alarm"),
    "AWS::CloudWatch::Dashboard": ("dashboards", "month", "dashboard"),
    "AWS::KMS::Key": ("keys", "month", "kms_key"),
}


def _hosts(
    part: str, group: Mapping[str, Any], resources: Resources, prices: Prices
) -> Iterator[tuple[Item, float]]:
    """Hosts with their volumes and addresses, at the group's least size; a group of several types by its first."""
    least, most = int(group["MinSize"]), int(group["MaxSize"])
    mixed = group.get("MixedInstancesPolicy", {})
    chosen = mixed.get("LaunchTemplate", {}).get("LaunchTemplateSpecification") or group.get(
        "LaunchTemplate", {}
    )
    template = resources.get(chosen.get("LaunchTemplateId", {}).get("Ref", ""), {})
    data = template.get("Properties", {}).get("LaunchTemplateData", {})
    overrides = mixed.get("LaunchTemplate", {}).get("Overrides", ())
    kind = overrides[0]["InstanceType"] if overrides else data.get("InstanceType", "unknown type")
    spot = mixed.get("InstancesDistribution", {}).get("OnDemandPercentageAboveBaseCapacity") == 0
    hour = prices["host"].get(kind)
    share = prices["spot_share"] if spot else 1.0
    each = None if hour is None else hour * share * prices["hours_a_month"]
    lines = [Item(f"hosts {kind}" + (" (spot, estimated)" if spot else ""), least, each, part)]
    volume = sum(one["Ebs"]["VolumeSize"] for one in data.get("BlockDeviceMappings", ()) if "Ebs" in one)
    lines.append(Item("host volumes, GB", least * volume, prices["month"].get("ebs_gp3_gb"), part))
    if any(one.get("AssociatePublicIpAddress") for one in data.get("NetworkInterfaces", ())):
        lines.append(Item("public IPv4 addresses", least, _hourly(prices, "public_ipv4"), part))
    for line in lines:
        one_more = (line.each or 0.0) * (volume if line.what == "host volumes, GB" else 1)
        yield line, one_more * (most - least)


def _database(part: str, properties: Mapping[str, Any], prices: Prices) -> Iterator[Item]:
    kind, copies = properties["DBInstanceClass"], 2 if properties.get("MultiAZ") else 1
    hour = prices["database"].get(kind)
    each = None if hour is None else hour * prices["hours_a_month"]
    standby = " with standby" if copies == 2 else ""
    yield Item(f"database {kind}{standby}", copies, each, part)
    storage = int(properties.get("AllocatedStorage", 0)) * copies
    yield Item("database storage, GB", storage, prices["month"].get("rds_gp3_gb"), part)
    if properties.get("ManageMasterUserPassword"):
        yield Item("secrets", 1, prices["month"].get("secret"), part)


def _balancer(part: str, properties: Mapping[str, Any], prices: Prices, zones: int) -> Iterator[Item]:
    yield Item("load balancers", 1, _hourly(prices, "load_balancer"), part)
    if properties.get("Scheme", "internet-facing") == "internet-facing":
        yield Item("public IPv4 addresses", zones, _hourly(prices, "public_ipv4"), part)


def _fargate(
    part: str, title: str, properties: Mapping[str, Any], read: Mapping[str, Resources], prices: Prices
) -> Iterator[Item]:
    """Tasks on Fargate at the count they start with; the task definition is in the release stack."""
    task = read.get(f"{part}-release", {}).get(properties["TaskDefinition"]["Ref"], {}).get("Properties", {})
    least = [
        one["Properties"]["MinCapacity"]
        for _, one in _of(read.get(part, {}), "AWS::ApplicationAutoScaling::ScalableTarget")
        if title in json.dumps(one)
    ]
    count = int(properties.get("DesiredCount", least[0] if least else 1))
    machine = task.get("RuntimePlatform", {}).get("CpuArchitecture", "X86_64").lower()
    vcpu, memory = _hourly(prices, f"fargate_vcpu_{machine}"), _hourly(prices, f"fargate_gb_{machine}")
    yield Item("Fargate vCPUs", count * int(task.get("Cpu", 0)) / 1024, vcpu, part)
    yield Item("Fargate memory, GB", count * int(task.get("Memory", 0)) / 1024, memory, part)
    if properties["NetworkConfiguration"]["AwsvpcConfiguration"].get("AssignPublicIp") == "ENABLED":
        yield Item("public IPv4 addresses", count, _hourly(prices, "public_ipv4"), part)


def _of(resources: Resources, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((title, one) for title, one in resources.items() if one["Type"] == kind)


def _hourly(prices: Prices, name: str) -> float | None:
    hour = prices["hour"].get(name)
    return None if hour is None else float(hour) * float(prices["hours_a_month"])


def _merged(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return one line a kind and price, the dearest first."""
    sums: dict[tuple[str, float | None], Item] = {}
    for item in items:
        key = (item.what, item.each)
        sums[key] = replace(item, part="", count=item.count + (sums[key].count if key in sums else 0))
    kept = (item for item in sums.values() if item.count)
    return tuple(sorted(kept, key=lambda item: (-item.dollars, item.what)))
