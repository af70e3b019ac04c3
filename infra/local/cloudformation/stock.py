"""MiniStack's own handlers, made strict: a property that one of them never looks at is refused, not dropped."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.cloudformation import registry
from infra.local.cloudformation.registry import Existing, Made, Properties, Wanted
from infra.local.cloudformation.watched import watch
from infra.local.errors import LocalCloudError


@dataclass(frozen=True)
class Stock:
    """MiniStack's own handler for a type, made to refuse what it would drop.

    `ignored` are properties whose effect nobody can see on one machine, each listed with its reason where it is given;
    `complete` does what the handler leaves undone, by calls of the API.
    """

    entry: Mapping[str, Any]
    ignored: frozenset[str] = frozenset()
    complete: Callable[[Made, Properties], Made] | None = None

    @property
    def runs_on_event_loop(self) -> bool:
        """MiniStack's handlers neither wait nor call the API; what completes them does."""
        return self.complete is None

    def create(self, wanted: Wanted) -> Made:
        properties = watch(copy.deepcopy(wanted.properties))
        made = Made(*self.entry["create"](wanted.logical_id, properties, wanted.stack))
        wanted.undo(
            lambda: self.delete(Existing(wanted.type, made.physical_id, wanted.properties, wanted.logical_id))
        )
        self._refuse(wanted.type, properties.unread())
        return self.complete(made, wanted.properties) if self.complete else made

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        handler = self.entry.get("update")
        changed = {
            name
            for name in existing.properties.keys() | wanted.properties.keys()
            if existing.properties.get(name) != wanted.properties.get(name)
        }
        if handler is None:
            raise LocalCloudError(
                f"the local cloud cannot change {', '.join(sorted(changed))} of {wanted.type} in place"
            )
        properties = watch(copy.deepcopy(wanted.properties))
        extra = (wanted.logical_id,) if self.entry.get("update_with_logical_id") else ()
        made = Made(
            *handler(
                existing.physical_id, copy.deepcopy(existing.properties), properties, wanted.stack, *extra
            )
        )
        self._refuse(wanted.type, sorted(changed - properties.read))
        return self.complete(made, wanted.properties) if self.complete else made

    def delete(self, existing: Existing) -> None:
        extra = (existing.logical_id,) if self.entry.get("delete_with_logical_id") else ()
        self.entry["delete"](existing.physical_id, existing.properties, *extra)

    def _refuse(self, type_name: str, unread: list[str]) -> None:
        dropped = [path for path in unread if path not in self.ignored]
        if dropped:
            raise LocalCloudError(
                f"the local cloud has no {', '.join(dropped)} for {type_name}; it would be dropped"
            )


def stock(type_name: str) -> Stock:
    """Return MiniStack's own handler for the type, to be completed; raise `LocalCloudError` when there is another."""
    found = registry.handler(type_name)
    if not isinstance(found, Stock):
        raise LocalCloudError(f"the handler for {type_name} is not MiniStack's own: it cannot be completed")
    return found
