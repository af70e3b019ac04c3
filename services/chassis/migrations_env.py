"""What a service's migrations/env.py runs: online on the connection that `chassis.migrate` gives, or as SQL text."""

from __future__ import annotations

import sys

from alembic import context
from sqlalchemy import Connection, MetaData


def run(metadata: MetaData) -> None:
    """Run the migrations that the current Alembic command asks for, each in a transaction of its own."""
    attributes = context.config.attributes
    connection: Connection | None = attributes.get("connection")
    if connection is None:
        context.configure(
            dialect_name="postgresql",
            target_metadata=metadata,
            transaction_per_migration=True,
            literal_binds=True,
            output_buffer=sys.stdout,
        )
        print("SET lock_timeout = '2s';\nSET statement_timeout = '300s';\n")
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
