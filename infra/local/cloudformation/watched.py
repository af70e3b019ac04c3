"""A template's properties as MiniStack's own handlers get them: remembers what was read, so that nothing is
dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Watched(dict[str, Any]):
    """A dictionary that remembers which keys were asked for; a value read as a whole counts as read through
    and through."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__({key: watch(value) for key, value in values.items()})
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        self.read.add(key)
        return super().pop(key, *default)

    def __iter__(self) -> Iterator[str]:
        self._read_whole()
        return super().__iter__()

    def keys(self) -> Any:
        self._read_whole()
        return super().keys()

    def items(self) -> Any:
        self._read_whole()
        return super().items()

    def values(self) -> Any:
        self._read_whole()
        return super().values()

    def copy(self) -> dict[str, Any]:
        self._read_whole()
        return super().copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        self._read_whole()
        return plain(self)

    def __reduce__(self) -> Any:
        self._read_whole()
        return dict, (plain(self),)

    def _read_whole(self) -> None:
        self.read.update(dict.keys(self))

    def unread(self, prefix: str = "") -> list[str]:
        """Return the paths of what nobody asked for, `Outer.Inner` for nested ones."""
        found: list[str] = []
        for key, value in dict.items(self):
            if key not in self.read:
                found.append(prefix + key)
            else:
                found += _unread_within(value, f"{prefix}{key}.")
        return found


def _unread_within(value: Any, prefix: str) -> list[str]:
    """A value that was handed on whole, none of whose keys was asked for one by one, was stored as it is."""
    if isinstance(value, Watched):
        return value.unread(prefix) if value.read else []
    if isinstance(value, list):
        return [path for item in value for path in _unread_within(item, prefix)]
    return []


def watch(value: Any) -> Any:
    """Return `value` with every dictionary in it watched."""
    if isinstance(value, dict):
        return Watched(value)
    return [watch(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return `value` with ordinary dictionaries again."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in dict.items(value)}
    return [plain(item) for item in value] if isinstance(value, list) else value
