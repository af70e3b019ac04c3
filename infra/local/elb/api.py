"""The parts of the ELB API that MiniStack only records: targets by id and port, their true health, weighted forwards."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from ministack.services import alb

from infra.local import pin
from infra.local.elb import targets
from infra.local.elb.targets import Target

Params = dict[str, Any]


def install() -> None:
    """Put our functions in the place of MiniStack's."""
    alb._ACTION_MAP["RegisterTargets"] = _register
    alb._ACTION_MAP["DeregisterTargets"] = _deregister
    alb._ACTION_MAP["DescribeTargetHealth"] = _describe_health
    _install_weights()


def reach(target: Target) -> tuple[str, int]:
    """Return where a target registered by hand is reached: its address, or the port that an instance has on loopback."""
    return ("127.0.0.1" if target.id.startswith("i-") else target.id), target.port


def _named(params: Params, group: str) -> list[Target]:
    port = int(alb._tgs[group].get("Port") or 80)
    return [Target(item["Id"], int(item.get("Port") or port)) for item in alb._parse_targets_param(params)]


def _register(params: Params) -> Any:
    group = alb._p(params, "TargetGroupArn")
    if group not in alb._tgs:
        return _missing(group)
    for target in _named(params, group):
        targets.register(group, target, reach=reach(target))
    return alb._empty("RegisterTargets")


def _deregister(params: Params) -> Any:
    group = alb._p(params, "TargetGroupArn")
    if group not in alb._tgs:
        return _missing(group)
    named = [item["Id"] for item in alb._parse_targets_param(params) if "Port" not in item]
    gone = [target for target, _ in targets.of(group) if target.id in named] + _named(params, group)
    for target in gone:
        targets.deregister(group, target)
    return alb._empty("DeregisterTargets")


def _describe_health(params: Params) -> Any:
    group = alb._p(params, "TargetGroupArn")
    if group not in alb._tgs:
        return _missing(group)
    found = targets.of(group)
    asked = _named(params, group)
    if asked:
        found = [(target, targets.health(group, target)) for target in asked]
    members = "".join(_member(target, health) for target, health in found)
    return alb._xml(
        200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
    )


def _member(target: Target, health: targets.Health) -> str:
    reason = f"<Reason>{health.reason}</Reason>" if health.reason else ""
    description = f"<Description>{escape(health.description)}</Description>" if health.description else ""
    return (
        f"<member><Target><Id>{escape(target.id)}</Id><Port>{target.port}</Port></Target>"
        f"<HealthCheckPort>{target.port}</HealthCheckPort>"
        f"<TargetHealth><State>{health.state}</State>{reason}{description}</TargetHealth></member>"
    )


def _missing(group: str) -> Any:
    return alb._error("TargetGroupNotFound", f"One or more target groups not found: '{group}'")


def _install_weights() -> None:
    """Let actions keep their `ForwardConfig`, through the API and through templates."""
    from ministack.services.cloudformation import provisioners

    parse = pin.original("services.alb._parse_actions", sha="40b80c548b38")
    show = pin.original("services.alb._action_xml", sha="10e98009b945")
    template = pin.original(
        "services.cloudformation.provisioners._elbv2_listener_actions", sha="cac424ea8725"
    )

    def parse_with_weights(params: Params, prefix: str = "DefaultActions") -> Any:
        actions = parse(params, prefix)
        for number, action in enumerate(actions, start=1):
            groups = _weights(params, f"{prefix}.member.{number}.ForwardConfig.TargetGroups")
            if groups:
                action["ForwardConfig"] = {"TargetGroups": groups}
                action.setdefault("TargetGroupArn", groups[0]["TargetGroupArn"])
        return actions

    def show_with_weights(action: dict[str, Any]) -> str:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        members = "".join(
            f"<member><TargetGroupArn>{item['TargetGroupArn']}</TargetGroupArn>"
            f"<Weight>{int(item.get('Weight', 1))}</Weight></member>"
            for item in groups
        )
        text = str(show(action))
        config = f"<ForwardConfig><TargetGroups>{members}</TargetGroups></ForwardConfig></member>"
        return text.removesuffix("</member>") + config if members else text

    def template_with_weights(props: Any, balancer: Any, prop: str = "DefaultActions") -> Any:
        actions = template(props, balancer, prop)
        for given, action in zip(props.get(prop) or [], actions, strict=False):
            if given.get("ForwardConfig"):
                action["ForwardConfig"] = {"TargetGroups": _templated(given["ForwardConfig"])}
        return actions

    alb._parse_actions = parse_with_weights
    alb._action_xml = show_with_weights
    provisioners._elbv2_listener_actions = template_with_weights


def _templated(config: dict[str, Any]) -> list[dict[str, Any]]:
    groups = config.get("TargetGroups") or []
    return [
        {"TargetGroupArn": item["TargetGroupArn"], "Weight": int(item.get("Weight", 1))} for item in groups
    ]


def _weights(params: Params, prefix: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while group := alb._p(params, f"{prefix}.member.{len(found) + 1}.TargetGroupArn"):
        weight = alb._p(params, f"{prefix}.member.{len(found) + 1}.Weight", "1")
        found.append({"TargetGroupArn": group, "Weight": int(weight)})
    return found
