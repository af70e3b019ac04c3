"""The ECS API called with a template's properties: names in its spelling, nothing dropped, tags brought up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.cloudformation import api


def send(operation: str, properties: Mapping[str, Any], **fixed: Any) -> dict[str, Any]:
    """Call ECS with properties mapped onto the operation's shape; what the shape does not have is refused."""
    client = api.client("ecs")
    shape = client.meta.service_model.operation_model(operation).input_shape
    found: dict[str, Any] = client._make_api_call(operation, api.shaped(shape, properties, operation) | fixed)
    return found


def renamed(properties: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """Return the properties with some under another name."""
    return {names.get(key, key): value for key, value in properties.items()}


def retag(arn: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Change the resource's tags from one set of properties to another."""
    removed, changed = api.tag_changes(old.get("Tags"), new.get("Tags"))
    with api.gone("InvalidParameterException"):
        if removed:
            api.call("ecs", "UntagResource", resourceArn=arn, tagKeys=removed)
        if changed:
            tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in changed]
            api.call("ecs", "TagResource", resourceArn=arn, tags=tags)
