"""CloudFormation's own resource schemas, as cfn-lint carries them: what a template may say, and what a change
replaces."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

PROVIDER = "eu-west-1"
"""The schemas of one region stand for all: regions differ in which types they have, not in what the types hold."""

_FOLDER = resources.files("cfnlint.data.schemas")


@functools.lru_cache(maxsize=8)
def schema(type_name: str) -> dict[str, Any]:
    """Return the type's schema (CloudFormation registry format), or an empty one for a type that it does not know."""
    name = _names().get(type_name)
    if name is None:
        return {}
    found: dict[str, Any] = json.loads((_FOLDER / "resources" / f"{name}.json").read_text())
    return found


@functools.cache
def _names() -> dict[str, str]:
    found: dict[str, str] = json.loads((_FOLDER / "providers" / f"{PROVIDER}.json").read_text())
    return found


def create_only(type_name: str) -> tuple[str, ...]:
    """Return the top-level properties whose change makes a new resource."""
    return tuple(path for path in _pointers(type_name, "createOnlyProperties") if "/" not in path)


def sometimes_create_only(type_name: str) -> tuple[str, ...]:
    """Return the top-level properties whose change may make a new resource: AWS decides by the value."""
    nested = (path.split("/")[0] for path in _pointers(type_name, "createOnlyProperties") if "/" in path)
    return tuple(dict.fromkeys([*_pointers(type_name, "conditionalCreateOnlyProperties"), *nested]))


def tag_property(type_name: str) -> tuple[str, str] | None:
    """Return the property that takes stack tags and its shape, `list` of Key and Value or `map`; None where
    there is none."""
    tagging = schema(type_name).get("tagging") or {}
    name = str(tagging.get("tagProperty", "")).removeprefix("/properties/")
    definition = _resolved(schema(type_name), schema(type_name).get("properties", {}).get(name, {}))
    if not name or not definition or tagging.get("taggable") is False:
        return None
    return name, "list" if definition.get("type") == "array" else "map"


def _pointers(type_name: str, key: str) -> list[str]:
    return [pointer.removeprefix("/properties/") for pointer in schema(type_name).get(key, ())]


def problems(type_name: str, properties: dict[str, Any]) -> list[str]:
    """Return what AWS would refuse in these resolved properties, in its own words; values are not judged, only
    names."""
    whole = schema(type_name)
    read_only = {path for path in _pointers(type_name, "readOnlyProperties") if "/" not in path}
    found = [
        f"#: property [{name}] is read-only"
        for name in properties
        if name in read_only - set(_writable(whole))
    ]
    return found + list(_walk(whole, whole, properties, "#"))


def _writable(whole: dict[str, Any]) -> Iterator[str]:
    """Some properties are read-only for one purpose and writable for another, such as a bucket's name."""
    for key in ("createOnlyProperties", "writeOnlyProperties"):
        yield from (pointer.removeprefix("/properties/") for pointer in whole.get(key, ()))


def _walk(whole: dict[str, Any], part: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    part = _resolved(whole, part)
    if isinstance(value, dict) and part.get("properties"):
        known = part["properties"]
        for name in value.keys() - known.keys():
            if part.get("additionalProperties") is False and "patternProperties" not in part:
                yield f"{path}: extraneous key [{name}] is not permitted"
        for name in part.get("required", ()):
            if name not in value:
                yield f"{path}: required key [{name}] not found"
        for name in sorted(value.keys() & known.keys()):
            yield from _walk(whole, known[name], value[name], f"{path}/{name}")
    elif isinstance(value, list) and isinstance(part.get("items"), dict):
        for index, item in enumerate(value):
            yield from _walk(whole, part["items"], item, f"{path}/{index}")


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow `$ref`s within the schema."""
    while "$ref" in part:
        target: Any = whole
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part
