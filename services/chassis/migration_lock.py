"""Alone with a database: one migrator at a time, and nothing left over from one that died."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

Say = Callable[[str], None]

# A client that dies with its host sends no word: the server must find out by itself, sooner than the next migrator
# gives up. Both sides probe; the server also looks for its client during a long statement (PostgreSQL 14 and later).
_PROBES = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c client_connection_check_interval=2000"
)
_TERMINATION_MS = 10_000

_INVALID = text(
    """
    SELECT quote_ident(namespace.nspname) || '.' || quote_ident(class.relname)
    FROM pg_index JOIN pg_class AS class ON class.oid = pg_index.indexrelid
    JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE NOT pg_index.indisvalid AND class.relkind = 'i'
    AND namespace.nspname NOT LIKE 'pg\\_%' AND pg_has_role(class.relowner, 'USAGE')
    ORDER BY 1
    """
)
_ORPHANS = text(
    """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
    AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()
    """
)


class AlreadyMigratingError(Exception):
    """Another migrator holds the lock; the message is one sentence."""


def lock_key(name: str) -> int:
    """Return the advisory lock key of a name: a signed 64-bit integer from its hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def engine(address: URL, application: str) -> Engine:
    """Return an engine whose sessions carry a name of at most 63 bytes and die with their client."""
    arguments: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "application_name": application,
        "options": _PROBES,
    }
    return create_engine(address, poolclass=NullPool, connect_args=arguments)


@contextmanager
def only_migrator(address: URL, service: str, patience: float, say: Say) -> Iterator[None]:
    """Hold the service's migration lock for the block, on a connection of its own so that no migration can let it go.

    Raises AlreadyMigratingError after `patience` seconds.
    """
    key = {"key": lock_key(f"migrate:{service}")}
    holder = engine(address, f"migration lock {service}")
    with holder.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + patience
        waited = False
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
            if time.monotonic() > deadline:
                raise AlreadyMigratingError(
                    f"{service}: another migration has been running for {patience:g} s; wait for it"
                )
            if not waited:
                say(f"{service}: another migration is running, waiting at most {patience:g} s for it")
            waited = True
            time.sleep(0.2)
        yield


def end_orphans(connection: Connection, service: str, say: Say) -> None:
    """End what a dead migrator left running on the server; whoever holds the lock knows that it is dead."""
    for pid in connection.scalars(_ORPHANS).all():
        say(f"{service}: ending a statement that a dead migrator left running")
        connection.execute(
            text("SELECT pg_terminate_backend(:pid, :patience)"), {"pid": pid, "patience": _TERMINATION_MS}
        )


def drop_invalid_indexes(connection: Connection, service: str, say: Say) -> None:
    """Drop indexes that a failed CREATE INDEX CONCURRENTLY left: useless, yet in the way of the next try.

    `connection` commits each statement by itself. With the lock held and orphans ended, none is being built.
    """
    for name in connection.scalars(_INVALID).all():
        say(f"{service}: dropping the index {name}, which a failed migration left invalid")
        connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
