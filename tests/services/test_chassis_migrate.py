"""Migrations: forward and back, one migrator at a time, bounded locks, and what is left after a failure."""

import json
import re
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from migration_case import ask, database, package, start, tables
from sqlalchemy import create_engine

from chassis import migrate, testing
from chassis.migrate import Limits, MigrationError, lock_key
from chassis.migration_sql import revisions_after
from chassis.migrations_env import Timeouts
from chassis.schema import folder
from tokens.models import Base

__all__ = ["database", "package"]  # fixtures

REVISIONS = [script.revision for script in revisions_after("tokens", None)]


def test_up_down_and_up_again_leave_the_tables_that_the_models_say(database):
    url = testing.postgres().url(database)
    said = []

    migrate.migrate(url, "tokens", say=said.append)
    full = tables(database)
    migrate.migrate(url, "tokens", to="base", say=said.append)
    empty = tables(database)
    migrate.migrate(url, "tokens", say=said.append)

    assert (full, empty, tables(database)) == (set(Base.metadata.tables), set(), full)
    assert [re.sub(r"\d\.\d\d s", "0 s", line) for line in said[:3]] == [
        f"tokens: {len(REVISIONS)} to apply: {', '.join(REVISIONS)}",
        "tokens: applied 0001 in 0 s: clients, their scopes and secrets",
        "tokens: applied 0002 in 0 s: signing keys, encrypted at rest",
    ]
    with create_engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_named_revision_is_reached_from_both_sides(database):
    url = testing.postgres().url(database)

    migrate.migrate(url, "tokens", to="0001", say=lambda line: None)
    below = tables(database)
    migrate.migrate(url, "tokens", say=lambda line: None)
    migrate.migrate(url, "tokens", to="0001", say=lambda line: None)

    assert below == tables(database) == {"clients", "client_scopes", "client_secrets"}


def test_a_second_run_has_nothing_to_do(database):
    url, said = testing.postgres().url(database), []
    migrate.migrate(url, "tokens", say=lambda line: None)

    migrate.migrate(url, "tokens", say=said.append)

    assert said == ["tokens: nothing to do, the schema is at 0004"]


def test_of_two_migrators_at_once_exactly_one_applies(database, package):
    service = package("CREATE TABLE slow (id int)", "SELECT pg_sleep(0.5)")

    runs = [start(service, database) for _ in range(2)]
    outputs = [run.communicate(timeout=30) for run in runs]

    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sorted(out.count("applied") for out, _ in outputs) == [0, 2]


def test_the_wait_for_another_migrator_is_bounded(database):
    with testing.postgres().connect(database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (lock_key("migrate:tokens"),))

        with pytest.raises(MigrationError, match=r"another migration has been running for 0\.3 s"):
            migrate.migrate(
                testing.postgres().url(database), "tokens", limits=Limits(wait_for_migrator=0.3), say=print
            )

    assert tables(database) == set()


def test_a_locked_table_is_tried_again_and_readers_pass_meanwhile(database, package):
    """Without its bound the migrator would wait for the holder, and every reader behind the migrator."""
    service = package("CREATE TABLE busy (id int)", "ALTER TABLE busy ADD COLUMN name text")
    url, said = testing.postgres().url(database), []
    migrate.migrate(url, service, to="r1", say=lambda line: None)
    limits = Limits(timeouts=Timeouts(lock=0.2), back_off=0.1)
    locked = f"{service}: a table is locked by others, trying again"

    with testing.postgres().connect(database) as holder, testing.postgres().connect(database) as reader:
        holder.execute("BEGIN; LOCK TABLE busy IN ACCESS SHARE MODE")
        reader.execute("SET lock_timeout = '30s'")  # the test fails then, and does not hang
        run = threading.Thread(
            target=migrate.migrate, args=(url, service), kwargs={"limits": limits, "say": said.append}
        )
        run.start()
        while locked not in said and run.is_alive():
            reader.execute("SELECT count(*) FROM busy")
        holder.execute("COMMIT")
        run.join(60)

    assert locked in said
    assert said[-2].startswith(f"{service}: applied r2 in ")
    assert said[-1] == f"{service}: the schema is at r2"


def test_a_table_that_stays_locked_fails_with_a_sentence_and_changes_nothing(database, package):
    service = package("CREATE TABLE busy (id int)", "ALTER TABLE busy ADD COLUMN name text")
    url = testing.postgres().url(database)
    migrate.migrate(url, service, to="r1", say=lambda line: None)
    limits = Limits(timeouts=Timeouts(lock=0.05), back_off=0.01, attempts=2)

    with testing.postgres().connect(database) as holder:
        holder.execute("BEGIN; LOCK TABLE busy IN ACCESS SHARE MODE")
        with pytest.raises(MigrationError, match="a table stayed locked by others for 2 attempts"):
            migrate.migrate(url, service, limits=limits, say=lambda line: None)

    assert migrate.status(url, service)["revision"] == "r1"


def test_a_failing_revision_exits_1_with_one_sentence_and_keeps_the_earlier_ones(database, package):
    service = package("CREATE TABLE one (id int)", "SELECT 1/0", "CREATE TABLE three (id int)")

    code, out, error = ask(service, database)

    assert (code, error) == (
        1,
        f"{service}: revision r2 (step 2) failed: division by zero; the schema is at r1, "
        "mend the revision and migrate again\n",
    )
    assert "applied r1" in out
    assert tables(database) == {"one"}


def test_a_database_that_does_not_answer_is_one_sentence():
    code, out, error = ask("tokens", "no_such_database")

    assert (code, out) == (1, "")
    assert len(error.splitlines()) == 1
    assert "no_such_database" in error


def test_missing_settings_and_unknown_services_are_one_sentence():
    missing = ask("tokens", "x", DATABASE_HOST="", DATABASE_USER="")
    unknown = ask("nonesuch", "x")

    assert missing == (1, "", "settings: DATABASE_HOST is missing; DATABASE_USER is missing\n")
    assert unknown == (1, "", "nonesuch: has no migrations folder\n")


def test_status_is_data_before_and_after(database):
    before = json.loads(ask("tokens", database, "--status", "--json")[1])
    migrate.migrate(testing.postgres().url(database), "tokens", say=lambda line: None)
    after = ask("tokens", database, "--status")

    assert (before["revision"], before["head"]) == (None, "0004")
    assert [step["revision"] for step in before["pending"]] == ["0001", "0002", "0003", "0004"]
    assert after == (0, "tokens: at 0004, head 0004\n", "")


def test_the_sql_of_all_migrations_makes_the_same_schema(database):
    code, script, error = ask("tokens", database, "--sql")

    assert (code, error) == (0, "")
    assert script.startswith("SET lock_timeout = '2000ms';\nSET statement_timeout = '300000ms';\n")
    with testing.postgres().connect(database) as connection:
        connection.execute(script)
    assert tables(database) == set(Base.metadata.tables)


@pytest.mark.parametrize("service", ["tokens"])
def test_a_service_has_one_head(service):
    assert len(ScriptDirectory(str(folder(service))).get_heads()) == 1
