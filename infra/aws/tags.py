"""AWS's two spellings of tags, read into and written from a plain mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def from_aws(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Read `[{"Key": ..., "Value": ...}]` or ECS's lower-case form."""
    return {tag.get("Key", tag.get("key", "")): tag.get("Value", tag.get("value", "")) for tag in tags or ()}


def to_aws(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write `[{"Key": ..., "Value": ...}]`, sorted by key."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def to_ecs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write `[{"key": ..., "value": ...}]`, sorted by key."""
    return [{"key": key, "value": tags[key]} for key in sorted(tags)]
