"""Application Auto Scaling, which MiniStack lacks: its calls, its types, and that a target's bounds are kept."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import botocore.exceptions

from infra.local import persistence
from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings

SERVICE = "application-autoscaling"
TARGET_PREFIX = "AnyScaleFrontendService"

_state: dict[str, dict[str, Any]] = {"targets": {}, "policies": {}, "tags": {}}


def install(settings: Settings) -> None:
    """Add the service to MiniStack's router, keep its state, register the types."""
    from ministack import app
    from ministack.core import router

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        return _answer(action, json.loads(body or b"{}"), settings)

    app.SERVICE_HANDLERS[SERVICE] = handle
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": [TARGET_PREFIX]}
    persistence.keep(SERVICE, lambda: json.loads(json.dumps(_state)), _state.update)
    register("AWS::ApplicationAutoScaling::ScalableTarget", ScalableTarget())
    register("AWS::ApplicationAutoScaling::ScalingPolicy", ScalingPolicy())


def _answer(action: str, asked: dict[str, Any], settings: Settings) -> Any:
    call = _CALLS.get(action)
    if call is None:
        return _json(400, {"__type": "UnknownOperationException", "message": f"{action} is not available"})
    try:
        return _json(200, call(asked, f"arn:aws:{SERVICE}:{settings.region}:{settings.account}"))
    except LookupError as error:
        return _json(400, {"__type": "ObjectNotFoundException", "message": str(error.args[0])})


def _json(status: int, body: dict[str, Any]) -> Any:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


def _key(asked: dict[str, Any]) -> str:
    return f"{asked['ResourceId']}|{asked['ScalableDimension']}|{asked['ServiceNamespace']}"


def _register_target(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    target = _state["targets"].setdefault(
        _key(asked),
        {
            "ScalableTargetARN": f"{arn}:scalable-target/{uuid.uuid4().hex}",
            "CreationTime": time.time(),
            "RoleARN": "",
            "SuspendedState": {},
        },
    )
    target.update({key: value for key, value in asked.items() if key != "Tags"})
    if "Tags" in asked:
        _state["tags"][target["ScalableTargetARN"]] = asked["Tags"]
    threading.Thread(target=_keep_bounds, args=(dict(target),), daemon=True).start()
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


def _keep_bounds(target: dict[str, Any]) -> None:
    """A service outside its target's bounds is brought inside; within them nothing scales on one machine."""
    if target["ScalableDimension"] != "ecs:service:DesiredCount":
        return
    _, cluster, service = target["ResourceId"].split("/")
    try:
        found = api.call("ecs", "DescribeServices", cluster=cluster, services=[service])["services"]
        if not found:
            return
        count = max(target["MinCapacity"], min(target["MaxCapacity"], found[0]["desiredCount"]))
        if count != found[0]["desiredCount"]:
            api.call("ecs", "UpdateService", cluster=cluster, service=service, desiredCount=count)
    except botocore.exceptions.ClientError:
        return


def _describe_targets(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    wanted = asked.get("ResourceIds")
    found = [
        target
        for target in _state["targets"].values()
        if target["ServiceNamespace"] == asked["ServiceNamespace"]
        and (wanted is None or target["ResourceId"] in wanted)
        and asked.get("ScalableDimension") in (None, target["ScalableDimension"])
    ]
    return {"ScalableTargets": found}


def _deregister_target(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    """A target's policies go with it, as on AWS."""
    key = _key(asked)
    if _state["targets"].pop(key, None) is None:
        raise LookupError(f"No scalable target registered for {key}")
    for name in [name for name, policy in _state["policies"].items() if _key(policy) == key]:
        del _state["policies"][name]
    return {}


def _put_policy(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    if _key(asked) not in _state["targets"]:
        raise LookupError(f"No scalable target registered for {_key(asked)}")
    name = f"{_key(asked)}|{asked['PolicyName']}"
    policy = _state["policies"].setdefault(
        name,
        {
            "PolicyARN": f"{arn}:scalingPolicy:{uuid.uuid4()}:policyName/{asked['PolicyName']}",
            "CreationTime": time.time(),
        },
    )
    policy.update(asked)
    return {"PolicyARN": policy["PolicyARN"], "Alarms": []}


def _describe_policies(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    found = [
        policy
        for policy in _state["policies"].values()
        if policy["ServiceNamespace"] == asked["ServiceNamespace"]
        and asked.get("ResourceId") in (None, policy["ResourceId"])
        and (not asked.get("PolicyNames") or policy["PolicyName"] in asked["PolicyNames"])
    ]
    return {"ScalingPolicies": found}


def _delete_policy(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    if _state["policies"].pop(f"{_key(asked)}|{asked['PolicyName']}", None) is None:
        raise LookupError(f"No scaling policy {asked['PolicyName']} for {_key(asked)}")
    return {}


def _tag(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    _state["tags"].setdefault(asked["ResourceARN"], {}).update(asked["Tags"])
    return {}


def _untag(asked: dict[str, Any], arn: str) -> dict[str, Any]:
    for key in asked["TagKeys"]:
        _state["tags"].get(asked["ResourceARN"], {}).pop(key, None)
    return {}


_CALLS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "RegisterScalableTarget": _register_target,
    "DescribeScalableTargets": _describe_targets,
    "DeregisterScalableTarget": _deregister_target,
    "PutScalingPolicy": _put_policy,
    "DescribeScalingPolicies": _describe_policies,
    "DeleteScalingPolicy": _delete_policy,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTagsForResource": lambda asked, arn: {"Tags": _state["tags"].get(asked["ResourceARN"], {})},
}


class ScalableTarget:
    """`AWS::ApplicationAutoScaling::ScalableTarget`; `Ref` is resource, dimension and namespace joined by `|`."""

    def create(self, wanted: Wanted) -> Made:
        api.send(SERVICE, "RegisterScalableTarget", wanted.properties)
        return Made(_key(wanted.properties), {"Id": _key(wanted.properties)})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        resource, dimension, namespace = existing.physical_id.split("|")
        with api.gone("ObjectNotFoundException"):
            api.call(
                SERVICE, "DeregisterScalableTarget",
                ResourceId=resource, ScalableDimension=dimension, ServiceNamespace=namespace,
            )  # fmt: skip


class ScalingPolicy:
    """`AWS::ApplicationAutoScaling::ScalingPolicy`; `Ref` is its ARN."""

    def create(self, wanted: Wanted) -> Made:
        arn = api.send(SERVICE, "PutScalingPolicy", _policy(wanted.properties))["PolicyARN"]
        return Made(arn, {"Arn": arn})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        values = _policy(existing.properties)
        keys = ("PolicyName", "ResourceId", "ScalableDimension", "ServiceNamespace")
        with api.gone("ObjectNotFoundException"):
            api.call(SERVICE, "DeleteScalingPolicy", **{key: values[key] for key in keys})


def _policy(properties: dict[str, Any]) -> dict[str, Any]:
    """A policy names its target by `ScalingTargetId` or by its three parts."""
    values = api.without(properties, "ScalingTargetId")
    if "ScalingTargetId" in properties:
        resource, dimension, namespace = properties["ScalingTargetId"].split("|")
        values |= {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    return values
