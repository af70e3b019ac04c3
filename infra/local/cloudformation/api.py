"""The public API over loopback, for handlers: clients, and template properties turned into a call's input by
its own shape."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import botocore.client
import botocore.config
import botocore.exceptions
import botocore.model

from infra.local import wire
from infra.local.errors import LocalCloudError

Properties = Mapping[str, Any]


@functools.cache
def client(service: str) -> Any:
    """Return the process's client of `service`; handlers' threads share it."""
    return wire.session().create_client(
        service,
        region_name=os.environ["MINISTACK_REGION"],
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        aws_access_key_id=os.environ["MINISTACK_ACCOUNT_ID"],
        aws_secret_access_key="local",  # noqa: S106  the local cloud takes any
        config=botocore.config.Config(
            retries={"total_max_attempts": 1},
            read_timeout=900,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
        ),
    )


def call(service: str, operation: str, /, **values: Any) -> dict[str, Any]:
    """Call the API and return its answer; raises botocore's `ClientError`."""
    found: dict[str, Any] = client(service)._make_api_call(operation, values)
    return found


def send(service: str, operation: str, properties: Properties, /, **fixed: Any) -> dict[str, Any]:
    """Call with `properties` mapped onto the input's shape (see `shaped`), and `fixed` as they are."""
    shape = client(service).meta.service_model.operation_model(operation).input_shape
    return call(service, operation, **(shaped(shape, properties, operation) | fixed))


def accepts(service: str, operation: str, properties: Properties) -> dict[str, Any]:
    """Return those of the properties whose names the operation's input has."""
    members = client(service).meta.service_model.operation_model(operation).input_shape.members
    names = {name.lower() for name in members}
    return {key: value for key, value in properties.items() if key.lower() in names}


def shaped(shape: Any, value: Any, path: str) -> Any:
    """Return `value` as the API's shape has it: names in its spelling, numbers and truth values in its types.

    CloudFormation spells `ContainerDefinitions` where an API spells `containerDefinitions`, and gives numbers as
    text. Raises `LocalCloudError` for a name that the shape does not have, so that nothing is dropped.
    """
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, value, path)
    if kind == "list":
        items = value if isinstance(value, list) else [value]
        return [shaped(shape.member, item, f"{path}[{index}]") for index, item in enumerate(items)]
    if kind == "map":
        return _map(shape, value, path)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)
    return value


def _structure(shape: Any, value: Any, path: str) -> dict[str, Any]:
    spelling = {name.lower(): name for name in shape.members}
    found = {}
    for key, item in value.items():
        name = spelling.get(key.lower())
        if name is None:
            raise LocalCloudError(f"the local cloud has no {key} in {path}; it would be dropped")
        found[name] = shaped(shape.members[name], item, f"{path}.{key}")
    return found


def _map(shape: Any, value: Any, path: str) -> dict[str, Any]:
    """A list of Key and Value is how CloudFormation writes the tags that some APIs take as a map."""
    if isinstance(value, list):
        value = {item["Key"]: item["Value"] for item in value}
    return {key: shaped(shape.value, item, f"{path}.{key}") for key, item in value.items()}


def pick(answer: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path of an answer, `NatGateway.NatGatewayId`."""
    found: Any = answer
    for step in path.split("."):
        found = found[int(step)] if step.isdigit() else found[step]
    return found


@contextlib.contextmanager
def gone(*codes: str) -> Iterator[None]:
    """Let pass that the thing is not there any more: one of `codes`, or any code that says not found."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in codes and "notfound" not in code.lower() and "nosuch" not in code.lower():
            raise


def without(properties: Properties, *names: str) -> dict[str, Any]:
    """Return the properties but for some."""
    return {key: value for key, value in properties.items() if key not in names}


def tag_changes(
    old: Iterable[Any] | None, new: Iterable[Any] | None
) -> tuple[list[str], list[dict[str, str]]]:
    """Return (keys to remove, tags to set) that lead from one list of Key and Value to another."""
    before = {tag["Key"]: tag["Value"] for tag in old or ()}
    after = {tag["Key"]: tag["Value"] for tag in new or ()}
    changed = [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]
    return [key for key in before if key not in after], changed
