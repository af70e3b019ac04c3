"""How a resource type is made, changed and removed here; every type goes through the same checks, names, tags
and undoing."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.local.cloudformation import schema
from infra.local.cloudformation.watched import plain
from infra.local.errors import LocalCloudError

Properties = dict[str, Any]

log = logging.getLogger("estaleiro.local.cloudformation")


@dataclass(frozen=True)
class Made:
    """A resource as `Ref` (the physical id) and `Fn::GetAtt` (the attributes, `Outer.Inner` for nested ones)
    show it."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A resource as the template wants it: properties resolved, stack tags merged in, names checked against
    the schema."""

    type: str
    logical_id: str
    stack: str
    properties: Properties
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def name(self, limit: int = 128, *, lowercase: bool = False) -> str:
        """Return a name as CloudFormation makes them: stack, logical id and a suffix that a replacement changes."""
        from ministack.services.cloudformation import provisioners

        return str(
            provisioners._physical_name(self.stack, self.logical_id, max_len=limit, lowercase=lowercase)
        )

    def undo(self, step: Callable[[], object]) -> None:
        """Remember a step that removes what has been made so far; taken, last first, when the rest of the
        creation fails."""
        self._undo.append(step)


@dataclass(frozen=True)
class Existing:
    """A resource as it stands; `logical_id` is empty where CloudFormation does not know it any more."""

    type: str
    physical_id: str
    properties: Properties
    logical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Handler(Protocol):
    """What makes a type. Each method runs on a thread of its own, so it may wait and may call the API over loopback."""

    def create(self, wanted: Wanted) -> Made:
        """Make the resource and return when it is ready; raise any exception to fail, its text is the event's
        reason."""

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        """Change the resource in place; properties that replace it never come here."""

    def delete(self, existing: Existing) -> None:
        """Remove the resource; one that is gone already is no error."""


_HANDLERS: dict[str, Handler] = {}


def register(type_name: str, handler: Handler) -> None:
    """Make `handler` the one for `type_name`; called by a half's `install`."""
    _HANDLERS[type_name] = handler
    _apply(type_name, handler)


def handler(type_name: str) -> Handler | None:
    """Return the type's handler as it stands."""
    return _HANDLERS.get(type_name)


def registered() -> list[str]:
    """Return the types that templates may use here."""
    return sorted(_HANDLERS)


def blocks(type_name: str) -> bool:
    """Tell whether the type's handler waits or calls the API, and so must not run on the event loop."""
    found = _HANDLERS.get(type_name)
    return found is not None and not getattr(found, "runs_on_event_loop", False)


def _apply(type_name: str, handler: Handler) -> None:
    """Put the handler into MiniStack's tables: handlers, what replaces, and where stack tags go."""
    from ministack.services.cloudformation import provisioners

    stock = provisioners._RESOURCE_HANDLERS.get(type_name, {})
    entry: dict[str, Any] = {
        "create": _create(type_name, handler),
        "update": _update(type_name, handler),
        "update_with_logical_id": True,
        "delete": _delete(type_name, handler),
        "delete_with_logical_id": True,
    }
    snapshot = getattr(handler, "snapshot", None)
    if snapshot is not None:
        entry["snapshot"] = snapshot
    if "import" in stock:
        entry["import"] = stock["import"]
    provisioners._RESOURCE_HANDLERS[type_name] = entry
    provisioners._REPLACING_PROPERTIES[type_name] = schema.create_only(type_name)
    provisioners._CONDITIONALLY_REPLACING_PROPERTIES[type_name] = schema.sometimes_create_only(type_name)
    tags = schema.tag_property(type_name)
    if tags is not None:
        provisioners._STACK_TAG_PROPERTY[type_name] = tags


def _create(type_name: str, handler: Handler) -> Callable[[str, Properties, str], tuple[str, dict[str, Any]]]:
    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
        _seed()
        wanted = _wanted(type_name, logical_id, properties, stack)
        with _undone_on_failure(wanted):
            return _pair(handler.create(wanted))

    return create


def _update(type_name: str, handler: Handler) -> Callable[..., tuple[str, dict[str, Any]]]:
    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        wanted = _wanted(type_name, logical_id, new, stack)
        return _pair(handler.update(Existing(type_name, physical_id, plain(old), logical_id), wanted))

    return update


def _delete(type_name: str, handler: Handler) -> Callable[..., None]:
    def delete(physical_id: str, properties: Properties, logical_id: str | None = None) -> None:
        handler.delete(Existing(type_name, physical_id, plain(properties), logical_id or ""))

    return delete


def _pair(made: Made) -> tuple[str, dict[str, Any]]:
    return made.physical_id, dict(made.attributes)


def _seed() -> None:
    """Give generated names a random part, as CloudFormation does: a retained resource must not stand in a
    later stack's way."""
    from ministack.services.cloudformation import provisioners

    if not provisioners._NAME_SEED.get():
        provisioners._NAME_SEED.set(secrets.token_hex(4))


def _wanted(type_name: str, logical_id: str, properties: Properties, stack: str) -> Wanted:
    values = _with_propagation(type_name, plain(properties))
    found = schema.problems(type_name, values)
    if found:
        raise LocalCloudError(
            f"Properties validation failed for resource {logical_id} with message: [{', '.join(found)}]"
        )
    return Wanted(type_name, logical_id, stack, values)


def _with_propagation(type_name: str, values: Properties) -> Properties:
    """Stack tags reach an Auto Scaling group's instances too; its tags say so one by one."""
    if type_name == "AWS::AutoScaling::AutoScalingGroup" and "Tags" in values:
        return values | {"Tags": [{"PropagateAtLaunch": True} | tag for tag in values["Tags"]]}
    return values


@contextmanager
def _undone_on_failure(wanted: Wanted) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for step in reversed(wanted._undo):
            try:
                step()
            except Exception:
                log.exception("what %s had made could not be removed again", wanted.logical_id)
        raise
