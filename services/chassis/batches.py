"""Moving many rows without holding any for long: small transactions that remember how far they came.

    FULL_TITLE = Batches(
        name="books.full_title",
        table="books",
        statement="UPDATE books SET full_title = title "
        "WHERE id > :after AND id <= :upto AND full_title IS NULL",
    )

In a revision: `batches.run_in_revision(op, FULL_TITLE)`, as its only work; for longer than a deploy should wait,
as a one-off task: `./deploy.py run ENV SERVICE --process migrate -- python3 -m chassis.batches shelf.backfills:FULL_TITLE`.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from chassis import database
from chassis.migration_lock import engine as new_engine
from chassis.migration_lock import lock_key
from chassis.settings import DatabaseSettings, SettingsError, read

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"  # SQLSTATE
PROGRESS = """
CREATE SCHEMA IF NOT EXISTS chassis;
CREATE TABLE IF NOT EXISTS chassis.batch_progress (
    name text PRIMARY KEY, reached bigint NOT NULL, moved bigint NOT NULL, finished_at timestamptz
)
"""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Batches:
    """A statement over the rows with `after` < `key` <= `upto`. `key` is a unique integer column with an index.

    A batch holds `size` rows, less when one takes longer than `seconds`; `pause` seconds lie between two batches,
    so that replicas and vacuum keep up. The statement must be right when it runs twice over a row.
    """

    name: str
    table: str
    statement: str
    key: str = "id"
    size: int = 1000
    seconds: float = 0.5
    pause: float = 0.02
    lock_timeout: float = 2.0
    attempts: int = 8


def run(
    engine: Engine, batches: Batches, *, say: Say = print, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Go on where the last run stopped, to the row that is the last one now; return how many rows this run moved.

    Rows that come later are the business of the code, or the trigger, that writes them. Each batch commits with its
    place, so a run that is killed repeats nothing. Raises DBAPIError.
    """
    # A session lock: two runs of one name take turns, and the second finds nothing to do.
    key = {"key": lock_key(f"batches:{batches.name}")}
    with engine.connect() as connection, _unpooled(connection):
        connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
        connection.execute(text(PROGRESS))
        connection.commit()
        place = _place(connection, batches)
        reached = _first(connection, batches) if place is None else place.reached
        last = _last(connection, batches)
        connection.commit()
        if place is not None and place.finished:
            say(f"{batches.name}: was finished before, nothing to do")
            return 0
        if place is not None:
            say(f"{batches.name}: goes on after {batches.key} {reached}")
        return _all(connection, batches, reached, last, say, sleep)


def run_in_revision(operations: Any, batches: Batches) -> None:
    """Run inside an Alembic revision, given its `op`; in transactions of their own, so it should do nothing else."""
    context = operations.get_context()
    if context.as_sql:
        raise ValueError(f"it moves rows in batches ({batches.name}), as many as there are then")
    attributes = context.config.attributes if context.config else {}
    run(operations.get_bind().engine, batches, say=attributes.get("say", print))


def forget_in_revision(operations: Any, batches: Batches) -> None:
    """Run in a revision's downgrade, given its `op`: when it is applied again it begins at the first row."""
    operations.execute(f"DELETE FROM chassis.batch_progress WHERE name = '{batches.name}'")  # noqa: S608 (our code's own names)


@contextmanager
def _unpooled(connection: Connection) -> Iterator[None]:
    """Close the session at the end, not only give it back: its lock must go with it."""
    try:
        yield
    finally:
        connection.invalidate()


def _all(
    connection: Connection,
    batches: Batches,
    reached: int,
    last: int,
    say: Say,
    sleep: Callable[[float], None],
) -> int:
    size, total, told, first = batches.size, 0, time.monotonic(), reached
    while True:
        began = time.monotonic()
        upto, moved = _patiently(connection, batches, _Rows(reached, last, size), sleep)
        if upto is None:
            break
        now, reached, total = time.monotonic(), upto, total + moved
        size = _next_size(size, batches, now - began)
        if now - told >= 5:
            share = 100 * (reached - first) / max(last - first, 1)
            say(f"{batches.name}: {total} rows, {batches.key} {reached} of {last} ({min(share, 100):.0f} %)")
            told = now
        sleep(batches.pause)
    connection.execute(
        text("UPDATE chassis.batch_progress SET finished_at = now() WHERE name = :name"),
        {"name": batches.name},
    )
    connection.commit()
    say(f"{batches.name}: {total} rows, finished")
    return total


def _patiently(
    connection: Connection, batches: Batches, rows: _Rows, sleep: Callable[[float], None]
) -> tuple[int | None, int]:
    """One batch; a lock that others hold is waited for a few times, with nothing held meanwhile."""
    for attempt in range(1, batches.attempts + 1):
        try:
            return _one(connection, batches, rows)
        except DBAPIError as error:
            connection.rollback()
            busy = getattr(error.orig, "sqlstate", None) in (LOCK_NOT_AVAILABLE, DEADLOCK)
            if not busy or attempt == batches.attempts:
                raise
            sleep(min(0.25 * 2**attempt, 10.0))
    raise AssertionError("a batch neither ended nor failed")


def _one(connection: Connection, batches: Batches, rows: _Rows) -> tuple[int | None, int]:
    """Move the next rows and note the place, in one transaction; (None, 0) when there are no more."""
    connection.execute(text(f"SET LOCAL lock_timeout = {int(batches.lock_timeout * 1000)}"))
    upto = connection.scalar(
        text(
            f"SELECT max({batches.key}) FROM (SELECT {batches.key} FROM {batches.table} "  # noqa: S608 (our code's own names)
            f"WHERE {batches.key} > :after AND {batches.key} <= :last ORDER BY {batches.key} LIMIT :size) AS batch"
        ),
        vars(rows),
    )
    if upto is None:
        connection.rollback()
        return None, 0
    moved = connection.execute(text(batches.statement), {"after": rows.after, "upto": upto}).rowcount
    connection.execute(
        text("UPDATE chassis.batch_progress SET reached = :upto, moved = moved + :moved WHERE name = :name"),
        {"upto": upto, "moved": moved, "name": batches.name},
    )
    connection.commit()
    return int(upto), moved


@dataclass(frozen=True)
class _Rows:
    """The next `size` rows with `after` < key <= `last`."""

    after: int
    last: int
    size: int


@dataclass(frozen=True)
class _Place:
    reached: int
    finished: bool


def _place(connection: Connection, batches: Batches) -> _Place | None:
    """Where the last run came to, None when there was none."""
    row = connection.execute(
        text("SELECT reached, finished_at IS NOT NULL FROM chassis.batch_progress WHERE name = :name"),
        {"name": batches.name},
    ).one_or_none()
    return None if row is None else _Place(int(row[0]), bool(row[1]))


def _first(connection: Connection, batches: Batches) -> int:
    """Begin: note and return the place before the first row."""
    lowest = connection.scalar(text(f"SELECT min({batches.key}) - 1 FROM {batches.table}"))  # noqa: S608
    connection.execute(
        text("INSERT INTO chassis.batch_progress (name, reached, moved) VALUES (:name, :reached, 0)"),
        {"name": batches.name, "reached": lowest or 0},
    )
    return int(lowest or 0)


def _last(connection: Connection, batches: Batches) -> int:
    return int(connection.scalar(text(f"SELECT max({batches.key}) FROM {batches.table}")) or 0)  # noqa: S608


def _next_size(size: int, batches: Batches, seconds: float) -> int:
    if seconds > batches.seconds:
        return max(size // 2, 1)
    return min(size * 2, batches.size) if seconds < batches.seconds / 4 else size


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run the batches named `module:NAME`; return the exit code."""
    module, _, name = arguments[0].partition(":") if len(arguments) == 1 else ("", "", "")
    if not name:
        print("usage: python -m chassis.batches MODULE:NAME", file=sys.stderr)
        return 2
    try:
        found = getattr(importlib.import_module(module), name)
        address = database.url(read(DatabaseSettings, environ))
        run(new_engine(address, f"batches {found.name}"), found, say=lambda line: print(line, flush=True))
    except (SettingsError, ImportError, AttributeError, DBAPIError) as error:
        print(f"{arguments[0]}: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
