"""Services with revisions of a test's own, and the migrator run on them: in this process or as one of its own."""

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from chassis import testing
from chassis.migrate.__main__ import main

ENV = "from sqlalchemy import MetaData\nfrom chassis.migrations_env import run\nrun(MetaData())\n"
REVISION = '''"""{doc}"""
import sqlalchemy as sa
from alembic import op
from chassis import batches
revision = "{name}"
down_revision = {before!r}
def upgrade():
    {up}
def downgrade():
    {down}
'''


@pytest.fixture
def database():
    return testing.postgres().create_database()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes a service with the given statements as its revisions, one each.

    A statement that begins with `python:` is the body of `upgrade` itself.
    """

    def write(*statements):
        name = f"service_{tmp_path.name.replace('-', '_')}"
        versions = tmp_path / name / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "__init__.py").write_text("")
        (versions.parent / "env.py").write_text(ENV)
        for number, statement in enumerate(statements, 1):
            before = f"r{number - 1}" if number > 1 else None
            text = REVISION.format(
                doc=f"step {number}", name=f"r{number}", before=before, up=_body(statement), down="pass"
            )
            (versions / f"r{number}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(testing.__file__).parents[1]}")
        return name

    return write


def _body(statement):
    if statement.startswith("python:"):
        return statement.removeprefix("python:")
    if "CONCURRENTLY" in statement:
        return f"with op.get_context().autocommit_block(): op.execute({statement!r})"
    return f"op.execute({statement!r})"


def quiet(line):
    """Say nothing."""


def start(service, database, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "chassis.migrate", service, *arguments],
        env={"PYTHONPATH": ":".join(sys.path), **testing.postgres().environment(database), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(service, database, *arguments, **environment):
    given = {**testing.postgres().environment(database), **environment}
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as error:
        code = main([service, *arguments], given)
    return code, out.getvalue(), error.getvalue()


def tables(database):
    with testing.postgres().connect(database) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows} - {"alembic_version"}
