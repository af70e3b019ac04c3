"""On which host a task goes, or why on none; pure, in the words of RunTask's `failures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Need:
    """What a task reserves: CPU units, MiB, and fixed host ports."""

    cpu: int
    memory: int
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Host:
    """A host as placement sees it: what is left on it, and the groups of the tasks that it runs."""

    arn: str
    cpu: int
    memory: int
    zone: str = ""
    ports: frozenset[int] = frozenset()
    groups: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Choice:
    """The chosen host's ARN, or the reason why each host was passed over: ARN to `RESOURCE:CPU` and the like."""

    host: str | None
    reasons: Mapping[str, str] = field(default_factory=dict)


def need(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> Need:
    """Return what a task of the definition reserves; the task's own numbers win over the sum of its containers'."""
    by_name = {item.get("name"): item for item in overrides.get("containerOverrides") or []}
    cpu = memory = 0
    ports: set[int] = set()
    for container in definition["containerDefinitions"]:
        merged = container | by_name.get(container["name"], {})
        cpu += int(merged.get("cpu") or 0)
        memory += int(merged.get("memoryReservation") or merged.get("memory") or 0)
        ports |= {int(mapping.get("hostPort") or 0) for mapping in container.get("portMappings") or []} - {0}
    if definition.get("networkMode") == "awsvpc":
        ports = set()
    return Need(
        units(overrides.get("cpu") or definition.get("cpu")) or cpu,
        mebibytes(overrides.get("memory") or definition.get("memory")) or memory,
        frozenset(ports),
    )


def units(value: Any) -> int:
    """Return CPU units from `256`, `"256"` or `".25 vCPU"`; 0 from nothing."""
    text = str(value or 0).strip().lower()
    return int(float(text.removesuffix("vcpu")) * 1024) if text.endswith("vcpu") else int(text)


def mebibytes(value: Any) -> int:
    """Return MiB from `512`, `"512"` or `"0.5 GB"`; 0 from nothing."""
    text = str(value or 0).strip().lower()
    return int(float(text.removesuffix("gb")) * 1024) if text.endswith("gb") else int(text)


def choose(
    hosts: Sequence[Host],
    wanted: Need,
    *,
    group: str = "",
    strategy: Sequence[Mapping[str, Any]] = (),
    distinct: bool = False,
) -> Choice:
    """Choose a host by the placement strategy; with none, spread over zones, then hosts, as a service does by default."""
    reasons: dict[str, str] = {}
    fitting = []
    for host in hosts:
        reason = _obstacle(host, wanted, group=group, distinct=distinct)
        if reason:
            reasons[host.arn] = reason
        else:
            fitting.append(host)
    if not fitting:
        return Choice(None, reasons)
    rules = strategy or ({"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "spread"})
    return Choice(min(fitting, key=lambda host: [_rank(rule, host, hosts, group) for rule in rules]).arn)


def _obstacle(host: Host, wanted: Need, *, group: str, distinct: bool) -> str | None:
    if distinct and group in host.groups:
        return "DISTINCT_INSTANCE"
    if wanted.memory > host.memory:
        return "RESOURCE:MEMORY"
    if wanted.cpu > host.cpu:
        return "RESOURCE:CPU"
    return "RESOURCE:PORTS" if wanted.ports & host.ports else None


def _rank(rule: Mapping[str, Any], host: Host, hosts: Sequence[Host], group: str) -> float:
    """Return what the rule wants small: free room for `binpack`, tasks of the group for `spread`."""
    if rule.get("type") == "binpack":
        return host.cpu if rule.get("field") == "cpu" else host.memory
    if rule.get("type") == "random":
        return 0
    if "zone" in str(rule.get("field", "")):
        return sum(other.groups.count(group) for other in hosts if other.zone == host.zone)
    return host.groups.count(group) + (1 - 1 / (1 + len(host.groups)))


def provider(strategy: Sequence[Mapping[str, Any]], running: Mapping[str, int]) -> str:
    """Return the capacity provider of the next task: bases first, then the one furthest below its weight's share."""
    for item in strategy:
        if running.get(item["capacityProvider"], 0) < int(item.get("base") or 0):
            return str(item["capacityProvider"])
    weighted = [item for item in strategy if int(item.get("weight") or 0) > 0] or list(strategy[:1])

    def load(item: Mapping[str, Any]) -> float:
        surplus = running.get(item["capacityProvider"], 0) - int(item.get("base") or 0)
        return (surplus + 1) / max(1, int(item.get("weight") or 1))

    return str(min(weighted, key=load)["capacityProvider"])
