"""Which schema revisions this code can serve, from the service's migrations folder."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory


@dataclass(frozen=True)
class Schema:
    """The newest revision that this code knows, and all the older ones."""

    head: str
    older: frozenset[str]

    def suits(self, revision: str | None) -> bool:
        """Say whether code of this head can serve a database at `revision`.

        A revision that this code does not know is newer: migrations run before the new release and only add, so
        the running release (and one that is rolled back to) must stay ready with it.
        """
        return revision is not None and revision not in self.older


def folder(service: str) -> Path:
    """Return the migrations folder of a service's package. Raises LookupError where there is none."""
    spec = importlib.util.find_spec(service)
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (Path(location) / "migrations" / "env.py").is_file():
            return Path(location) / "migrations"
    raise LookupError(f"{service}: has no migrations folder")


def schema(service: str) -> Schema:
    """Read the service's migrations; there must be exactly one head."""
    scripts = ScriptDirectory(str(folder(service)))
    head = scripts.get_current_head()
    if head is None:
        raise LookupError(f"{service}: has no migrations")
    return Schema(head, frozenset(script.revision for script in scripts.walk_revisions()) - {head})
