"""Two templates in, the resources that differ out; text and order of keys do not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["add", "change", "replace", "remove"]


@dataclass(frozen=True)
class PropertyChange:
    """A property of a resource before and after, as JSON text; None where it is absent.

    `replaces`: CloudFormation makes the resource anew because of it.
    """

    path: str
    before: str | None
    after: str | None
    replaces: bool = False


@dataclass(frozen=True)
class ResourceChange:
    """What happens to one resource of a stack. `may_replace`: CloudFormation knows only when it gets there."""

    action: Action
    logical_id: str
    type: str
    properties: tuple[PropertyChange, ...] = ()
    may_replace: bool = False


def template_changes(before: str, after: str) -> tuple[ResourceChange, ...]:
    """Return every resource that is added, changed or removed, by logical id."""
    if before == after:
        return ()
    old, new = _parsed(before), _parsed(after)
    changes = list(_resource_changes(old.get("Resources", {}), new.get("Resources", {})))
    rest = {
        key: (old.get(key), new.get(key))
        for key in {*old, *new} - {"Resources"}
        if old.get(key) != new.get(key)
    }
    for section in sorted(rest):
        one, two = rest[section]
        changes.append(ResourceChange("change", section, "template section", tuple(_paths("", one, two))))
    return tuple(changes)


def _resource_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[ResourceChange]:
    for logical_id in sorted({*old, *new}):
        if logical_id not in old:
            yield ResourceChange("add", logical_id, new[logical_id]["Type"])
        elif logical_id not in new:
            yield ResourceChange("remove", logical_id, old[logical_id]["Type"])
        elif old[logical_id] != new[logical_id]:
            one, two = dict(old[logical_id]), dict(new[logical_id])
            properties = [
                *_paths("", one.pop("Properties", {}), two.pop("Properties", {})),
                *_paths("", one, two),
            ]
            action: Action = "replace" if one.get("Type") != two.get("Type") else "change"
            yield ResourceChange(action, logical_id, new[logical_id]["Type"], tuple(properties))


def _paths(path: str, before: Any, after: Any) -> Iterator[PropertyChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _paths(f"{path}.{key}" if path else key, before.get(key), after.get(key))
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from _paths(f"{path}[{index}]", one, two)
        return
    yield PropertyChange(path, _text(before), _text(after))


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def _parsed(template: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(template) if template.strip() else {}
    return parsed
