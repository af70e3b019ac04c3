"""Revisions as the SQL that they run: what `--sql` prints and what the linter reads."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from chassis.schema import folder


@dataclass(frozen=True)
class RenderedRevision:
    """One revision: its file, its SQL, or the `problem` that keeps it from being told before it runs."""

    revision: str
    after: str | None
    what: str
    file: str
    sql: str
    problem: str = ""


def config(service: str, output: TextIO | None = None) -> Config:
    """Return Alembic's configuration for the service's migrations folder; there is no ini file."""
    made = Config(stdout=output or sys.stdout)
    made.set_main_option("script_location", str(folder(service)))
    made.set_main_option("path_separator", "os")
    made.attributes["output"] = output or sys.stdout
    return made


def scripts(service: str) -> ScriptDirectory:
    """Return the service's revisions."""
    return ScriptDirectory(str(folder(service)))


def title(script: Script) -> str:
    """Return the first line of what a revision says of itself, to be put into a sentence."""
    return script.doc.rstrip(".")


def revisions_after(service: str, current: str | None, to: str = "head") -> tuple[Script, ...]:
    """Return the revisions from `current` (None: an empty database) forward to `to`, oldest first.

    Raises CommandError where one of the two is unknown or they are not on one line.
    """
    found = scripts(service).iterate_revisions(to, current or "base")
    return tuple(reversed([script for script in found if script.revision != current]))


def rendered(service: str, current: str | None = None, to: str = "head") -> tuple[RenderedRevision, ...]:
    """Return the revisions from `current` forward to `to`, each with exactly the SQL that its run sends."""
    return tuple(_rendered(service, script) for script in revisions_after(service, current, to))


def _rendered(service: str, script: Script) -> RenderedRevision:
    before = script.down_revision
    values = {
        "revision": script.revision,
        "after": None if before is None else str(before),
        "what": title(script),
        "file": script.path,
    }
    try:
        if "is_offline_mode" in Path(script.path).read_text(encoding="utf-8"):
            raise ValueError("it does something else when it is only shown (is_offline_mode)")
        sql = _offline(service, str(before or "base"), script.revision)
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return RenderedRevision(**values, sql="", problem=f"cannot be rendered as SQL: {reason}")
    return RenderedRevision(**values, sql=sql)


def _offline(service: str, before: str, revision: str) -> str:
    output = io.StringIO()
    # What a revision prints for whoever watches is not part of its SQL.
    with contextlib.redirect_stdout(sys.stderr):
        command.upgrade(config(service, output), f"{before}:{revision}", sql=True)
    return output.getvalue()


def sql_text(service: str, found: Sequence[RenderedRevision]) -> str:
    """Return the revisions' SQL as one script. Raises CommandError where one cannot be rendered."""
    for one in found:
        if one.problem:
            raise CommandError(
                f"{service}: revision {one.revision} {one.problem}; run it to see what it does"
            )
    return "\n".join(one.sql for one in found)
