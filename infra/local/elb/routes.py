"""The load balancers as MiniStack's records have them now, turned into what `rules` decides by; rebuilt four times a second."""

from __future__ import annotations

import time
from typing import Any

from ministack.services import alb

from infra.local.elb.rules import (
    DEFAULT_PRIORITY,
    Action,
    Balancer,
    Condition,
    Fixed,
    Forward,
    Listener,
    Redirect,
    Rule,
)

Record = dict[str, Any]

FRESH_SECONDS = 0.25

CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
}

_built: list[tuple[float, tuple[Balancer, ...]]] = []


def current(*, internal: bool) -> tuple[Balancer, ...]:
    """Return the balancers of a door: the internet-facing ones on the edge; inside, all, the internal ones first."""
    moment = time.monotonic()
    if not _built or moment - _built[0][0] > FRESH_SECONDS:
        _built[:] = [(moment, build())]
    balancers = _built[0][1]
    if internal:
        return tuple(sorted(balancers, key=lambda balancer: not balancer.is_internal))
    return tuple(balancer for balancer in balancers if not balancer.is_internal)


def build() -> tuple[Balancer, ...]:
    """Read the records."""
    return tuple(_balancer(record) for record in alb._lbs.values() if record["Type"] == "application")


def _balancer(record: Record) -> Balancer:
    arn = record["LoadBalancerArn"]
    listeners = [_listener(item) for item in alb._listeners.values() if item["LoadBalancerArn"] == arn]
    idle = attribute(alb._lb_attrs.get(arn, []), "idle_timeout.timeout_seconds", "60")
    return Balancer(
        arn,
        record["DNSName"].lower(),
        record["Scheme"] == "internal",
        tuple(sorted(listeners, key=lambda listener: (not _forwards(listener), listener.port))),
        float(idle),
    )


def _forwards(listener: Listener) -> bool:
    return any(isinstance(rule.action, Forward) for rule in listener.rules)


def attribute(attributes: list[dict[str, str]], key: str, default: str) -> str:
    """Return an attribute's value."""
    return next((str(item["Value"]) for item in attributes if item["Key"] == key), default)


def _listener(record: Record) -> Listener:
    own = [
        rule
        for rule in alb._rules.values()
        if rule["ListenerArn"] == record["ListenerArn"] and not rule["IsDefault"]
    ]
    rules = [_rule(item, int(item["Priority"])) for item in own]
    default = _rule({"Actions": record["DefaultActions"]}, DEFAULT_PRIORITY)
    found = sorted([rule for rule in [*rules, default] if rule is not None], key=lambda rule: rule.priority)
    return Listener(int(record["Port"]), record["Protocol"], tuple(found))


def _rule(record: Record, priority: int) -> Rule | None:
    """A rule's last action decides; what may stand before it authenticates, which is not done here."""
    actions = record.get("Actions") or []
    if not actions:
        return None
    conditions = tuple(_condition(item) for item in record.get("Conditions") or [])
    return Rule(priority, conditions, _action(max(actions, key=lambda item: int(item.get("Order") or 1))))


def _condition(record: Record) -> Condition:
    config = record.get(CONFIGS.get(record["Field"], "")) or {}
    values = [_value(item) for item in config.get("Values") or record.get("Values") or []]
    return Condition(record["Field"], tuple(values), str(config.get("HttpHeaderName", "")).lower())


def _value(item: Any) -> str:
    """A query-string value is a key and a value."""
    if isinstance(item, dict):
        return f"{item['Key']}={item['Value']}" if item.get("Key") else str(item["Value"])
    return str(item)


def _action(record: Record) -> Action:
    if record["Type"] == "fixed-response":
        fixed = record["FixedResponseConfig"]
        return Fixed(
            int(fixed["StatusCode"]), fixed.get("ContentType") or "text/plain", fixed.get("MessageBody") or ""
        )
    if record["Type"] == "redirect":
        redirect = record["RedirectConfig"]
        parts = {
            key.lower(): redirect[key]
            for key in ("Protocol", "Host", "Port", "Path", "Query")
            if redirect.get(key)
        }
        return Redirect(int(str(redirect["StatusCode"]).removeprefix("HTTP_")), **parts)
    groups = (record.get("ForwardConfig") or {}).get("TargetGroups") or [
        {"TargetGroupArn": record.get("TargetGroupArn")}
    ]
    return Forward(
        tuple(
            (item["TargetGroupArn"], int(item.get("Weight") or 0 if "Weight" in item else 1))
            for item in groups
        )
    )


def groups_in_use() -> set[str]:
    """Return the ARNs of the target groups that a listener or rule forwards to."""
    found = set()
    for balancer in build():
        for listener in balancer.listeners:
            for rule in listener.rules:
                if isinstance(rule.action, Forward):
                    found |= {arn for arn, _ in rule.action.groups}
    return found
