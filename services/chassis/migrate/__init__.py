"""`python -m chassis.migrate SERVICE`: one migrator at a time, bounded locks, one transaction a revision.

Run as the database's owner by a one-off task before the release that needs the schema.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from chassis import seeds
from chassis.migration_lock import AlreadyMigratingError as AlreadyMigratingError
from chassis.migration_lock import drop_invalid_indexes, end_orphans, engine, only_migrator
from chassis.migration_lock import lock_key as lock_key
from chassis.migration_sql import config, rendered, revisions_after, scripts, sql_text, title
from chassis.migrations_env import Timeouts

LOCK_NOT_AVAILABLE, DEADLOCK, CANCELED = "55P03", "40P01", "57014"  # SQLSTATE
Say = Callable[[str], None]


class MigrationError(Exception):
    """The migration was not done; the message is one sentence."""


@dataclass(frozen=True)
class Limits:
    """How long a migration waits and works, in seconds; `attempts` counts tries for a table's lock."""

    wait_for_migrator: float = 120.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    attempts: int = 8
    back_off: float = 0.5


def migrate(
    address: URL, service: str, *, to: str = "head", limits: Limits = Limits(), say: Say = print
) -> None:
    """Bring the database to revision `to`, forward or back, and its reference data with it to the newest.

    Raises MigrationError; what earlier revisions did stays.
    """
    try:
        with only_migrator(address, service, limits.wait_for_migrator, say):
            _with_patience(address, service, to, limits, say)
            if to == "head":
                seeds.plant_reference(engine(address, f"migration {service}"), service, say)
    except AlreadyMigratingError as error:
        raise MigrationError(str(error)) from error


def status(address: URL, service: str) -> dict[str, Any]:
    """Return the database's revision, the code's head and the revisions between, oldest first.

    `newer` is true for a database that newer code has migrated.
    """
    with engine(address, f"migration status {service}").connect() as connection:
        current = _current(connection)
    newer = not _is_known(service, current)
    pending = () if newer else revisions_after(service, current)
    return {
        "service": service,
        "revision": current,
        "head": scripts(service).get_current_head(),
        "newer": newer,
        "pending": [{"revision": script.revision, "what": title(script)} for script in pending],
    }


def goes_back(address: URL, service: str, to: str) -> bool:
    """Say whether reaching `to` would undo revisions."""
    with engine(address, f"migration status {service}").connect() as connection:
        current = _current(connection)
    return _is_known(service, current) and _direction(service, current, to) is command.downgrade


def sql(service: str, to: str = "head") -> None:
    """Print the SQL of all migrations up to `to`."""
    print(sql_text(service, rendered(service, None, to)))


def _with_patience(address: URL, service: str, to: str, limits: Limits, say: Say) -> None:
    for attempt in range(1, limits.attempts + 1):
        try:
            _move(address, service, to, limits, say)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                raise MigrationError(_failure(address, service, to, _reason(error))) from error
            if attempt == limits.attempts:
                raise MigrationError(
                    f"{service}: a table stayed locked by others for {attempt} attempts; "
                    "nothing of that revision was applied, run the migration again in a quieter moment"
                ) from error
            say(f"{service}: a table is locked by others, trying again")
            time.sleep(_pause(limits, attempt))
        except (CommandError, RevisionError, MigrationError):
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise MigrationError(_failure(address, service, to, reason)) from error


def _move(address: URL, service: str, to: str, limits: Limits, say: Say) -> None:
    with engine(address, f"migration {service}").connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        end_orphans(connection, service, say)
        drop_invalid_indexes(connection, service, say)
        for setting in limits.timeouts.usual():
            connection.execute(text(setting))
        connection.commit()
        connection.execution_options(isolation_level="READ COMMITTED")
        settings = _settings(service, connection, limits, say)
        before = _current(connection)
        connection.commit()
        if not _is_known(service, before):
            if to != "head":
                raise MigrationError(
                    f"{service}: the schema is at {before}, which is newer than this code; "
                    "only the release that knows it can go back"
                )
            say(f"{service}: nothing to do, the schema is at {before}, which is newer than this code")
            return
        direction = _direction(service, before, to)
        if direction is command.upgrade and (ahead := revisions_after(service, before, to)):
            say(f"{service}: {len(ahead)} to apply: {', '.join(script.revision for script in ahead)}")
        direction(settings, to)
        now = _current(connection)
        nothing = "nothing to do, " if now == before else ""
        say(f"{service}: {nothing}the schema is at {now or 'its beginning'}")


def _settings(service: str, connection: Connection, limits: Limits, say: Say) -> Config:
    made = config(service)
    made.attributes["connection"] = connection
    made.attributes["timeouts"] = limits.timeouts
    made.attributes["say"] = say
    made.attributes["on_version_apply"] = _Teller(service, say)
    return made


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _is_known(service: str, revision: str | None) -> bool:
    return revision is None or revision in {script.revision for script in scripts(service).walk_revisions()}


def _direction(service: str, current: str | None, to: str) -> Callable[[Config, str], None]:
    known = scripts(service)
    if to == "base" or to.startswith("-"):
        return command.downgrade
    target = known.get_revision(to)
    older = {script.revision for script in known.iterate_revisions(current, "base")} if current else set()
    back = target is not None and target.revision in older and target.revision != current
    return command.downgrade if back else command.upgrade


def _failure(address: URL, service: str, to: str, reason: str) -> str:
    """Say which revision failed, where the schema is now, and what to do."""
    try:
        with engine(address, f"migration status {service}").connect() as connection:
            current = _current(connection)
    except DBAPIError:
        return f"{service}: the migration failed: {reason}; the database does not answer any more"
    ahead = revisions_after(service, current, to) if not to.startswith("-") and to != "base" else ()
    which = f"revision {ahead[0].revision} ({title(ahead[0])})" if ahead else "the migration"
    return (
        f"{service}: {which} failed: {reason}; the schema is at {current or 'its beginning'}, "
        "mend the revision and migrate again"
    )


def _pause(limits: Limits, attempt: int) -> float:
    jitter: float = random.uniform(0.5, 1)  # noqa: S311 - keeps two migrators apart, no secret
    return jitter * min(limits.back_off * 2.0**attempt, 10.0)


class _Teller:
    """Says each revision as it is applied, with its seconds."""

    def __init__(self, service: str, say: Say) -> None:
        self._service = service
        self._say = say
        self._since = time.monotonic()

    def __call__(self, *, step: Any, **_: Any) -> None:
        now = time.monotonic()
        verb = "applied" if step.is_upgrade else "reverted"
        script = step.up_revision
        self._say(f"{self._service}: {verb} {script.revision} in {now - self._since:.2f} s: {title(script)}")
        self._since = now


def _reason(error: DBAPIError) -> str:
    words = str(error.orig).strip().splitlines()[0]
    if getattr(error.orig, "sqlstate", None) == CANCELED:
        return f"{words} (rows are moved in batches by chassis.batches, which has no such limit)"
    return words
