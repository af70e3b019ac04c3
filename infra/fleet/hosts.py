"""The hosts of one environment as EC2, its group and ECS see them, joined; one that never joined ECS shows as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.aws import Aws
from infra.aws.autoscaling import Member
from infra.aws.ec2 import HostImage, Instance
from infra.aws.ecs import Host
from infra.config import Config
from infra.errors import EstaleiroError
from infra.fleet.images import age_days, version
from infra.report import table

Outputs = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class FleetHost:
    """One host; `ecs` is None while its agent has not registered, `member` once it left its group."""

    instance: str
    ecs: Host | None = None
    member: Member | None = None
    machine: Instance | None = None
    image: HostImage | None = None

    @property
    def works(self) -> bool:
        """Whether tasks can be placed on it."""
        return self.ecs is not None and self.ecs.takes_tasks


@dataclass(frozen=True)
class Place:
    """Where an environment's hosts are."""

    cluster: str
    group: str


def place(config: Config, outputs: Outputs) -> Place:
    """Return cluster and group. Raises EstaleiroError where there are no hosts."""
    name = config.environment.name
    if config.environment.fargate:
        raise EstaleiroError(
            f"{name} runs on Fargate: AWS keeps the machines, and there are no hosts to work on"
        )
    try:
        return Place(outputs["cluster"]["ClusterName"], outputs["cluster"]["HostsGroup"])
    except KeyError:
        raise EstaleiroError(f"{name} has no hosts yet; run `./deploy.py deploy {name}` first") from None


def fleet(aws: Aws, where: Place) -> tuple[FleetHost, ...]:
    """Return every host of the cluster and of its group, by instance id."""
    registered = {host.instance: host for host in aws.ecs.container_instances(where.cluster)}
    group = aws.autoscaling.group(where.group)
    members = {member.instance: member for member in (group.members if group else ())}
    names = sorted(registered.keys() | members.keys())
    machines = {machine.id: machine for machine in aws.ec2.instances(ids=names)} if names else {}
    images = {id: aws.ec2.image(id) for id in {machine.image for machine in machines.values()} if id}
    return tuple(
        FleetHost(
            name,
            registered.get(name),
            members.get(name),
            machines.get(name),
            images.get(machines[name].image) if name in machines else None,
        )
        for name in names
    )


def host_value(host: FleetHost, now: datetime) -> dict[str, Any]:
    """One host as a JSON value. CPU in units, memory in MiB, age of the image in days."""
    ecs, machine = host.ecs, host.machine
    return {
        "instance": host.instance,
        "zone": host.member.zone if host.member else machine.zone if machine else "",
        "os": version(host.image.name) if host.image else "",
        "image": machine.image if machine else "",
        "image_days": age_days(host.image, now) if host.image else None,
        "status": _status(host),
        "agent": ecs.agent if ecs else "",
        "connected": bool(ecs and ecs.connected),
        "tasks": ecs.running + ecs.pending if ecs else 0,
        "cpu_free": ecs.free_cpu if ecs else 0,
        "cpu": ecs.cpu if ecs else 0,
        "memory_free": ecs.free_memory if ecs else 0,
        "memory": ecs.memory if ecs else 0,
    }


def fleet_text(values: list[dict[str, Any]]) -> str:
    """The same for a person."""
    rows = (
        (
            row["instance"],
            row["zone"],
            row["os"] or "?",
            "?" if row["image_days"] is None else f"{row['image_days']} d",
            row["status"],
            f"{row['agent'] or '-'} {'connected' if row['connected'] else 'NOT CONNECTED'}",
            str(row["tasks"]),
            f"{row['cpu_free']}/{row['cpu']}",
            f"{row['memory_free']}/{row['memory']}",
        )
        for row in values
    )
    heads = ("HOST", "ZONE", "OS", "IMAGE AGE", "STATUS", "AGENT", "TASKS", "CPU FREE", "MEMORY FREE")
    return table(rows, heads)


def _status(host: FleetHost) -> str:
    if host.ecs is None:
        return f"not in the cluster ({host.member.lifecycle if host.member else 'gone'})"
    return host.ecs.status
