"""`python -m chassis.migrate SERVICE`: one migrator at a time, bounded locks, one transaction a revision.

Run as the database's owner by a one-off task before the release that needs the schema.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from chassis import database
from chassis.schema import folder
from chassis.settings import DatabaseSettings, SettingsError, read

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"  # SQLSTATE


class MigrationError(Exception):
    """The migration was not done; the message is one sentence."""


@dataclass(frozen=True)
class Limits:
    """How long a migration waits and works, in seconds; `attempts` counts tries for a table's lock."""

    wait_for_migrator: float = 120.0
    lock_timeout: float = 2.0
    statement_timeout: float = 300.0
    attempts: int = 8
    back_off: float = 0.5


def lock_key(name: str) -> int:
    """Return the advisory lock key of a name: a signed 64-bit integer from its hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def migrate(
    address: URL,
    service: str,
    *,
    to: str = "head",
    limits: Limits = Limits(),
    say: Callable[[str], None] = print,
) -> None:
    """Bring the database to revision `to`, forward or back. Raises MigrationError."""
    engine = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": 10})
    with _only_migrator(engine, service, limits.wait_for_migrator):
        for attempt in range(1, limits.attempts + 1):
            try:
                _move(engine, service, to, limits, say)
                return
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                    raise MigrationError(f"{service}: the migration failed: {_sentence(error)}") from error
                if attempt == limits.attempts:
                    raise MigrationError(
                        f"{service}: a table stayed locked by others for {attempt} attempts; "
                        "nothing of that revision was applied, run the migration again in a quieter moment"
                    ) from error
                say(f"{service}: a table is locked by others, trying again")
                time.sleep(_pause(limits, attempt))


def status(address: URL, service: str) -> dict[str, Any]:
    """Return the database's revision, the code's head and the revisions between, oldest first."""
    scripts = ScriptDirectory(str(folder(service)))
    engine = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": 10})
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    head = scripts.get_current_head()
    known = current is None or current in {script.revision for script in scripts.walk_revisions()}
    steps = reversed(list(scripts.iterate_revisions(head, current))) if known and head else []
    pending = [
        {"revision": script.revision, "what": script.doc} for script in steps if script.revision != current
    ]
    return {"service": service, "revision": current, "head": head, "pending": pending}


def sql(service: str, to: str = "head") -> None:
    """Print the SQL of all migrations up to `to`, or of a range "from:to"."""
    command.upgrade(config(service), to, sql=True)


def config(service: str) -> Config:
    """Return Alembic's configuration for the service's migrations folder; there is no ini file."""
    made = Config(stdout=sys.stdout)
    made.set_main_option("script_location", str(folder(service)))
    made.set_main_option("path_separator", "os")
    return made


@contextmanager
def _only_migrator(engine: Engine, service: str, patience: float) -> Iterator[None]:
    """Hold the service's migration lock, on a connection of its own so that no migration can let it go."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + patience
        while not connection.scalar(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": lock_key(f"migrate:{service}")}
        ):
            if time.monotonic() > deadline:
                raise MigrationError(
                    f"{service}: another migration has been running for {patience:g} s; wait for it"
                )
            time.sleep(0.2)
        yield


def _move(engine: Engine, service: str, to: str, limits: Limits, say: Callable[[str], None]) -> None:
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = {int(limits.lock_timeout * 1000)}"))
        connection.execute(text(f"SET statement_timeout = {int(limits.statement_timeout * 1000)}"))
        connection.commit()
        settings = config(service)
        settings.attributes["connection"] = connection
        settings.attributes["on_version_apply"] = _Teller(service, say)
        before = MigrationContext.configure(connection).get_current_revision()
        connection.commit()
        _direction(settings, before, to)(settings, to)
        if MigrationContext.configure(connection).get_current_revision() == before:
            say(f"{service}: nothing to do, the schema is at {before or 'its beginning'}")


def _direction(settings: Config, current: str | None, to: str) -> Callable[[Config, str], None]:
    scripts = ScriptDirectory.from_config(settings)
    if to == "base" or to.startswith("-"):
        return command.downgrade
    target = scripts.get_revision(to)
    older = {script.revision for script in scripts.iterate_revisions(current, "base")} if current else set()
    back = target is not None and target.revision in older and target.revision != current
    return command.downgrade if back else command.upgrade


def _pause(limits: Limits, attempt: int) -> float:
    jitter: float = random.uniform(0.5, 1)  # noqa: S311 - keeps two migrators apart, no secret
    return jitter * min(limits.back_off * 2.0**attempt, 10.0)


class _Teller:
    """Says each revision as it is applied, with its seconds."""

    def __init__(self, service: str, say: Callable[[str], None]) -> None:
        self._service = service
        self._say = say
        self._since = time.monotonic()

    def __call__(self, *, step: Any, **_: Any) -> None:
        now = time.monotonic()
        verb = "applied" if step.is_upgrade else "reverted"
        script = step.up_revision
        self._say(f"{self._service}: {verb} {script.revision} {script.doc} in {now - self._since:.2f} s")
        self._since = now


def _sentence(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chassis.migrate", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("--to", default="head", metavar="REV", help="target revision, -1, base or head")
    parser.add_argument("--sql", action="store_true", help="print the SQL, change nothing")
    parser.add_argument("--status", action="store_true", help="show the revision and what is pending")
    parser.add_argument("--json", action="store_true", help="with --status: as JSON")
    return parser


def _status_text(found: dict[str, Any]) -> str:
    lines = [f"{found['service']}: at {found['revision'] or 'nothing'}, head {found['head']}"]
    return "\n".join([*lines, *(f"  pending {one['revision']} {one['what']}" for one in found["pending"])])


def main(arguments: list[str], environ: dict[str, str]) -> int:
    """Do what the arguments ask; return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        folder(asked.service)  # a wrong name is told before anything else
        if asked.sql:
            sql(asked.service, asked.to)
            return 0
        address = database.url(read(DatabaseSettings, environ))
        if asked.status:
            found = status(address, asked.service)
            print(json.dumps(found) if asked.json else _status_text(found))
            return 0
        migrate(address, asked.service, to=asked.to)
    except (MigrationError, SettingsError, LookupError, CommandError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"{asked.service}: the database does not answer: {_sentence(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
