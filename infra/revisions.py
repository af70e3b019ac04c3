"""Which migration each service's code is at: read from its migration files, without running them."""

from __future__ import annotations

import ast
from pathlib import Path


def heads(root: Path, service: str) -> tuple[str, ...]:
    """Return the revisions that no other one follows, sorted; none for a service without migrations."""
    known: set[str] = set()
    followed: set[object] = set()
    for path in (root / "services" / service / "migrations" / "versions").glob("*.py"):
        values = _assigned(path)
        revision = values.get("revision")
        if isinstance(revision, str):
            known.add(revision)
        before = values.get("down_revision")
        followed.update(before if isinstance(before, tuple) else [before])
    return tuple(sorted(known - followed))


def known(root: Path, service: str) -> frozenset[str]:
    """Return every revision that the service's code knows."""
    folder = root / "services" / service / "migrations" / "versions"
    found = (_assigned(path).get("revision") for path in folder.glob("*.py"))
    return frozenset(revision for revision in found if isinstance(revision, str))


def _assigned(path: Path) -> dict[str, object]:
    """The module's own constants, by name."""
    values: dict[str, object] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        else:
            continue
        if isinstance(node.value, ast.Constant | ast.Tuple):
            value = ast.literal_eval(node.value)
            values |= {target.id: value for target in targets if isinstance(target, ast.Name)}
    return values
