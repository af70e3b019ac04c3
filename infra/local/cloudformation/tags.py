"""`tag:GetResources` for the services that MiniStack leaves out of it: what a tool finds of its own is all
that there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.local.settings import Settings

Tagged = tuple[str, list[dict[str, str]]]

KINDS = {
    "vpc": "vpc", "subnet": "subnet", "rtb": "route-table", "igw": "internet-gateway", "nat": "natgateway",
    "sg": "security-group", "sgr": "security-group-rule", "vpce": "vpc-endpoint", "eipalloc": "elastic-ip",
    "eice": "instance-connect-endpoint", "lt": "launch-template", "i": "instance", "vol": "volume",
    "eni": "network-interface", "acl": "network-acl", "snap": "snapshot",
}  # fmt: skip
"""What the beginning of an EC2 id is called in an ARN."""

_settings: list[Settings] = []


def install(settings: Settings) -> None:
    from ministack.services import tagging

    _settings[:] = [settings]
    tagging._COLLECTORS |= {
        "ec2": _ec2,
        "rds": _rds,
        "elasticloadbalancing": _elb,
        "secretsmanager": tagging._collect_secretsmanager,
        "ssm": tagging._collect_ssm,
        "logs": _logs,
        "acm": _acm,
        "cloudwatch": _cloudwatch,
        "route53": _route53,
    }


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{_settings[0].region}:{_settings[0].account}:{rest}"


def _ec2() -> Iterator[Tagged]:
    """A terminated host keeps its tags for a while, and is none the less gone."""
    from ministack.services import ec2

    for name, tags in ec2._tags.items():
        kind = KINDS.get(name.partition("-")[0])
        state = (ec2._instances.get(name) or {}).get("State", {}).get("Name")
        if kind is not None and state != "terminated" and _exists(ec2, kind, name):
            yield _arn("ec2", f"{kind}/{name}"), _listed(tags)


def _exists(ec2: Any, kind: str, name: str) -> bool:
    """MiniStack forgets to remove the tags of some things with them."""
    stores = {
        "vpc": ec2._vpcs,
        "subnet": ec2._subnets,
        "route-table": ec2._route_tables,
        "security-group": ec2._security_groups,
        "internet-gateway": ec2._internet_gateways,
        "natgateway": ec2._nat_gateways,
        "vpc-endpoint": ec2._vpc_endpoints,
        "elastic-ip": ec2._addresses,
        "launch-template": ec2._launch_templates,
    }
    record = stores[kind].get(name) if kind in stores else {}
    return record is not None and record.get("State") != "deleted"


def _rds() -> Iterator[Tagged]:
    from ministack.services import rds

    yield from ((arn, _listed(tags)) for arn, tags in rds._tags.items())


def _elb() -> Iterator[Tagged]:
    from ministack.services import alb

    present = {*alb._lbs, *alb._tgs, *alb._listeners, *alb._rules}
    yield from ((arn, _listed(tags)) for arn, tags in alb._tags.items() if arn in present)


def _logs() -> Iterator[Tagged]:
    from ministack.services import cloudwatch_logs

    for name, group in cloudwatch_logs._log_groups.items():
        yield _arn("logs", f"log-group:{name}"), _mapped(group.get("tags") or {})


def _acm() -> Iterator[Tagged]:
    from ministack.services import acm

    yield from ((arn, _listed(record.get("Tags"))) for arn, record in acm._certificates.items())


def _cloudwatch() -> Iterator[Tagged]:
    from ministack.services import cloudwatch

    yield from ((arn, _mapped(tags)) for arn, tags in cloudwatch._resource_tags.items())


def _route53() -> Iterator[Tagged]:
    from ministack.services import route53

    for (kind, name), tags in route53._tags.items():
        if kind == "hostedzone":
            yield f"arn:aws:route53:::hostedzone/{name}", _mapped(tags)


def _listed(tags: Iterable[Mapping[str, str]] | None) -> list[dict[str, str]]:
    return [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in tags or ()]


def _mapped(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
