"""The migrations of a service as its folder has them: read from the files' text, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Revision:
    """One migration: its id, those it follows, and the first line of what it says of itself."""

    id: str
    follows: tuple[str, ...]
    title: str = ""


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
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = dict(_assigned(tree))
    id, before = values.get("revision"), values.get("down_revision")
    if not isinstance(id, str):
        return None
    follows = (before,) if isinstance(before, str) else tuple(before or ())
    return Revision(id, follows, (ast.get_docstring(tree) or "").partition("\n")[0])


def _assigned(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the two assignments that Alembic goes by, annotated or not."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
                yield target.id, ast.literal_eval(node.value)
