"""The migrations of a service as its folder has them: read from the files' text, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.migrations.compatibility import OnlyAfter, only_after


@dataclass(frozen=True)
class Revision:
    """One migration: its id, those it follows, the first line of what it says of itself, and which code it leaves behind."""

    id: str
    follows: tuple[str, ...]
    title: str = ""
    only_after: OnlyAfter | None = None


def revisions(root: Path, service: str) -> tuple[Revision, ...]:
    """Return a service's revisions by file name; none where it has no migrations."""
    folder = root / "services" / service / "migrations" / "versions"
    found = (_revision(path) for path in sorted(folder.glob("*.py")))
    return tuple(one for one in found if one is not None)


def heads(root: Path, service: str) -> tuple[str, ...]:
    """Return the revisions that no other one follows, sorted; none for a service without migrations."""
    found = revisions(root, service)
    followed = {id for one in found for id in one.follows}
    return tuple(sorted(one.id for one in found if one.id not in followed))


def known(root: Path, service: str) -> frozenset[str]:
    """Return every revision that the service's code knows."""
    return frozenset(one.id for one in revisions(root, service))


def left_behind(
    found: tuple[Revision, ...], until: str | None, head: str | None
) -> tuple[tuple[str, OnlyAfter], ...]:
    """Return the ids of the revisions up to `until` that code of `head` cannot serve on, with what they say of it.

    Of code or of a database that is newer than these revisions nothing can be told.
    """
    ids = {one.id for one in found}
    if until not in ids or (head is not None and head not in ids):
        return ()
    ahead = {one.id for one in pending(found, until)}
    unknown = {one.id for one in pending(found, head)}
    return tuple(
        (one.id, one.only_after)
        for one in found
        if one.id not in ahead and one.only_after is not None and one.only_after.revision in unknown
    )


def pending(found: tuple[Revision, ...], applied: str | None) -> tuple[Revision, ...]:
    """Return what an upgrade from `applied` would run; all of them from None."""
    done: set[str] = set()
    waiting = [applied] if applied else []
    follows = {one.id: one.follows for one in found}
    while waiting:
        id = waiting.pop()
        done.add(id)
        waiting += follows.get(id, ())
    return tuple(one for one in found if one.id not in done)


def _revision(path: Path) -> Revision | None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    values = dict(_assigned(tree))
    id, before = values.get("revision"), values.get("down_revision")
    if not isinstance(id, str):
        return None
    follows = (before,) if isinstance(before, str) else tuple(before or ())
    return Revision(id, follows, (ast.get_docstring(tree) or "").partition("\n")[0], only_after(source))


def _assigned(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the two assignments that Alembic goes by, annotated or not."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
                yield target.id, ast.literal_eval(node.value)
