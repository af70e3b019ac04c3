"""What a service's migrations/env.py runs: online on the connection that `chassis.migrate` gives, or as SQL text.

The timeouts are the same in both, so that what is shown and linted is what runs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from alembic import context
from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import Connection, MetaData, TextClause, text
from sqlalchemy.schema import ExecutableDDLElement


@dataclass(frozen=True)
class Timeouts:
    """Seconds for one statement: to get its lock, and to end.

    `patient` is for statements that block neither readers nor writers while they wait and work: their lock may
    take that long, and they themselves as long as they need.
    """

    lock: float = 2.0
    statement: float = 300.0
    patient: float = 600.0

    def usual(self) -> tuple[str, str]:
        """Return the settings that most statements run under."""
        return _settings(self.lock, self.statement)

    def patiently(self) -> tuple[str, str]:
        """Return the settings for statements that disturb nobody."""
        return _settings(self.patient, 0)


class PatientImpl(PostgresqlImpl):
    """Alembic's PostgreSQL, which gives statements that disturb nobody their time.

    CREATE INDEX CONCURRENTLY has to outwait every older transaction, and VALIDATE CONSTRAINT reads the whole table;
    both take SHARE UPDATE EXCLUSIVE only (PostgreSQL manual, "Explicit Locking").
    """

    __dialect__ = "postgresql"

    def _exec(self, construct: Any, *args: Any, **kwargs: Any) -> Any:
        if not _disturbs_nobody(construct, self.dialect):
            return super()._exec(construct, *args, **kwargs)
        timeouts: Timeouts = context.config.attributes.get("timeouts") or Timeouts()
        for setting in timeouts.patiently():
            super()._exec(text(setting))
        done = super()._exec(construct, *args, **kwargs)
        for setting in timeouts.usual():
            super()._exec(text(setting))
        return done


def run(metadata: MetaData) -> None:
    """Run the migrations that the current Alembic command asks for, each in a transaction of its own."""
    attributes = context.config.attributes
    connection: Connection | None = attributes.get("connection")
    if connection is None:
        output = attributes.get("output") or sys.stdout
        context.configure(
            dialect_name="postgresql",
            target_metadata=metadata,
            transaction_per_migration=True,
            literal_binds=True,
            output_buffer=output,
        )
        timeouts: Timeouts = attributes.get("timeouts") or Timeouts()
        print("".join(f"{setting};\n" for setting in timeouts.usual()), file=output)
    else:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            compare_type=True,
            compare_server_default=True,
            on_version_apply=attributes.get("on_version_apply"),
        )
    with context.begin_transaction():
        context.run_migrations()


def _settings(lock: float, statement: float) -> tuple[str, str]:
    return (
        f"SET lock_timeout = '{lock * 1000:.0f}ms'",
        f"SET statement_timeout = '{statement * 1000:.0f}ms'",
    )


def _disturbs_nobody(construct: Any, dialect: Any) -> bool:
    if isinstance(construct, TextClause):
        construct = construct.text
    elif isinstance(construct, ExecutableDDLElement):
        construct = str(construct.compile(dialect=dialect))
    if not isinstance(construct, str):
        return False
    words = construct.upper()
    return " CONCURRENTLY " in words or " VALIDATE CONSTRAINT " in words
