"""`python -m chassis.provision`: makes or repairs a service's database and its three logins; safe to run again.

Runs as the instance's master, which on RDS is no superuser (CREATEDB and CREATEROLE only): everything here keeps to
the rules of PostgreSQL 16 and later for such a role. Passwords are hashed here, so none is ever in a server's log.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from chassis.migration_lock import lock_key
from chassis.settings import Secret, SettingsError, read

Connection = psycopg.Connection[Any]
Say = Callable[[str], None]

MAINTENANCE = "postgres"  # the database that every instance has
PATIENCE = 60.0  # seconds for the instance to answer, and for another provision to end


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the instance is, its master, and the logins that should be."""

    database_host: str
    database_port: int = 5432
    database_name: str
    database_sslmode: str = "verify-full"
    database_sslrootcert: str | None = None
    master_user: str
    master_password: Secret
    owner_user: str
    owner_password: Secret
    app_user: str
    app_password: Secret
    reader_user: str
    reader_password: Secret


def provision(settings: Settings, *, say: Say = print, patience: float = PATIENCE) -> None:
    """Make or repair the database and its logins. Raises psycopg.Error."""
    with _connect(settings, MAINTENANCE, patience) as master:
        # Services are provisioned side by side, and PostgreSQL's shared catalogues dislike that.
        master.execute(f"SET lock_timeout = {int(patience * 1000)}")
        master.execute("SELECT pg_advisory_lock(%s)", (lock_key("provision"),))
        _logins(master, settings, say)
        _database(master, settings, say)
        # In one transaction: the running release must not see itself without a right for a moment.
        with _connect(settings, settings.database_name, patience) as inside, inside.transaction():
            _privileges(inside, settings, say)


def _connect(settings: Settings, name: str, patience: float) -> Connection:
    deadline = time.monotonic() + patience
    while True:
        try:
            return psycopg.connect(
                host=settings.database_host,
                port=settings.database_port,
                dbname=name,
                user=settings.master_user,
                password=str(settings.master_password),
                sslmode=settings.database_sslmode,
                sslrootcert=settings.database_sslrootcert,
                connect_timeout=5,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            # A server that refuses says FATAL; one that starts or stops adds "the database system is ...".
            refused = "FATAL" in str(error) and "the database system is" not in str(error)
            if refused or time.monotonic() > deadline:
                raise
            time.sleep(1)


def _logins(master: Connection, settings: Settings, say: Say) -> None:
    known = {name for (name,) in master.execute("SELECT rolname FROM pg_roles")}
    for name, password in (
        (settings.owner_user, settings.owner_password),
        (settings.app_user, settings.app_password),
        (settings.reader_user, settings.reader_password),
    ):
        if name not in known:
            _run(master, "CREATE ROLE {} LOGIN", name)
        hashed = master.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        master.execute(
            sql.SQL("ALTER ROLE {} LOGIN NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(hashed)
            )
        )
        say(f"login {name}: {'password set' if name in known else 'created'}")
    # Since PostgreSQL 16 making a role gives only the right to administer it; owning things for it needs SET.
    _run(master, "GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE", settings.owner_user)
    _run(master, "ALTER ROLE {} SET default_transaction_read_only = on", settings.reader_user)
    _run(master, "ALTER ROLE {} SET statement_timeout = '60s'", settings.reader_user)


def _database(master: Connection, settings: Settings, say: Say) -> None:
    name, owner = settings.database_name, settings.owner_user
    found = master.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (name,)
    ).fetchone()
    if found is None:
        # template0: template1 refuses to be copied while anybody is connected to it.
        _run(master, "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", name, owner)
        say(f"database {name}: created")
    elif found[0] != owner:
        _run(master, "ALTER DATABASE {} OWNER TO {}", name, owner)
        say(f"database {name}: given to {owner}")
    else:
        say(f"database {name}: is there")
    _run(master, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    _run(master, "GRANT CONNECT ON DATABASE {} TO {}", name, settings.app_user)
    _run(master, "GRANT CONNECT ON DATABASE {} TO {}", name, settings.reader_user)


def _privileges(inside: Connection, settings: Settings, say: Say) -> None:
    """Give data access to what the owner has made and will make, as the owner."""
    app, reader = settings.app_user, settings.reader_user
    _run(inside, "SET LOCAL ROLE {}", settings.owner_user)
    _run(inside, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for login, on_tables, on_sequences in (
        (app, "SELECT, INSERT, UPDATE, DELETE", "USAGE, SELECT"),
        (reader, "SELECT", "SELECT"),
    ):
        _run(inside, "REVOKE ALL ON SCHEMA public FROM {}", login)
        _run(inside, "GRANT USAGE ON SCHEMA public TO {}", login)
        for rights, what in ((on_tables, "TABLES"), (on_sequences, "SEQUENCES")):
            _run(inside, f"GRANT {rights} ON ALL {what} IN SCHEMA public TO {{}}", login)
            _run(inside, f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON {what} TO {{}}", login)
    say(
        f"privileges: {app} reads and writes rows, {reader} reads them, {settings.owner_user} owns the schema"
    )


def _run(connection: Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def main(environ: Mapping[str, str]) -> int:
    """Provision what the environment names; return the exit code."""
    try:
        settings = read(Settings, environ)
        provision(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        print(f"{settings.database_name}: cannot be provisioned: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
