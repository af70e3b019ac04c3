"""What an environment costs a month, roughly: list prices times what is there. Pure.

On-demand list prices of eu-west-1 in US dollars, without traffic, requests and storage of logs; a month has 730 hours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from infra.config import Config
from infra.teardown.inventory import Inventory, Owner

HOURS = 730
# https://aws.amazon.com/ec2/pricing/on-demand/, /rds/postgresql/pricing/, /elasticloadbalancing/pricing/,
# /vpc/pricing/, /secrets-manager/pricing/, /cloudwatch/pricing/, /route53/pricing/
MACHINE_HOUR = {
    "t3.nano": 0.0057,
    "t3.micro": 0.0114,
    "t3.small": 0.0228,
    "t3.medium": 0.0456,
    "t3.large": 0.0912,
    "t3.xlarge": 0.1824,
    "t4g.medium": 0.0368,
    "t4g.large": 0.0736,
    "m7i.large": 0.1124,
    "m6i.large": 0.107,
}
DATABASE_HOUR = {"db.t3.micro": 0.019, "db.t4g.micro": 0.017, "db.t4g.small": 0.035, "db.m7g.large": 0.187}
DATABASE_GB_MONTH = 0.127
MONTH = {
    "load balancer": 0.0252 * HOURS,
    "NAT gateway": 0.048 * HOURS,
    "address": 0.005 * HOURS,
    "secret": 0.40,
    "alarm": 0.10,
    "hosted zone": 0.50,
}
NAT_SUFFIX = "-nat"


@dataclass(frozen=True)
class Line:
    """One line of the bill. `month` in US dollars; None where the price is not known."""

    what: str
    count: int
    month: float | None


def monthly(config: Config, inventory: Inventory) -> tuple[Line, ...]:
    """Return the lines of the environment's bill, dearest first."""
    owner = Owner(config.environment.project, inventory.environment, inventory.neighbours)
    own = [one for one in inventory.found if owner.tagged(one) or one.id in inventory.recorded]
    counts = Counter(one.kind for one in own if one.kind in MONTH)
    lines = [Line(kind, count, round(MONTH[kind] * count, 2)) for kind, count in counts.items()]
    nats = sum(one.kind == "machine" and one.name.endswith(NAT_SUFFIX) for one in own)
    hosts = sum(one.kind == "machine" for one in own) - nats
    lines += _machines(config.environment.hosts.instance_types[0], hosts) if hosts else []
    lines += _machines("t3.nano", nats) if nats else []
    for database in inventory.databases:
        hourly = DATABASE_HOUR.get(database.instance_class)
        copies = 2 if database.multi_az else 1
        month = (
            None
            if hourly is None
            else round((hourly * HOURS + database.storage * DATABASE_GB_MONTH) * copies, 2)
        )
        lines.append(Line(f"database {database.instance_class}, {database.storage} GB", copies, month))
    return tuple(sorted(lines, key=lambda line: (-(line.month or 0), line.what)))


def total(lines: tuple[Line, ...]) -> float:
    """Return the sum of the lines with a known price, in US dollars a month."""
    return round(sum(line.month or 0 for line in lines), 2)


def _machines(kind: str, count: int) -> list[Line]:
    hourly = MACHINE_HOUR.get(kind)
    month = None if hourly is None else round((hourly + MONTH["address"] / HOURS) * HOURS * count, 2)
    return [Line(f"machine {kind}", count, month)]
