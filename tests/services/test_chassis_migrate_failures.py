"""What a migration finds that another one left, what it refuses, and what it says when a revision fails."""

import json
import signal
import threading
from dataclasses import dataclass

import psycopg
import pytest
from migration_case import ask, database, package, quiet, start, tables

from chassis import migrate, testing
from chassis.migrate import Limits, MigrationError
from chassis.migrations_env import Timeouts
from chassis.schema import schema

__all__ = ["database", "package"]  # fixtures

HEAD = schema("tokens").head


def url(database):
    return testing.postgres().url(database)


def query(database, statement, *values):
    with testing.postgres().connect(database) as connection:
        return connection.execute(statement, values).fetchall()


def indexes(database):
    return dict(
        query(
            database,
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname LIKE 'ix_%%'",
        )
    )


def test_three_revisions_of_which_the_second_fails_and_is_mended(database, package):
    service = package(
        "CREATE TABLE one (id int)", "CREATE TABLE two (id nonsense)", "CREATE TABLE three (id int)"
    )

    code, out, error = ask(service, database)
    package("CREATE TABLE one (id int)", "CREATE TABLE two (id int)", "CREATE TABLE three (id int)")
    again = ask(service, database)

    assert code == 1
    assert error == (
        f'{service}: revision r2 (step 2) failed: type "nonsense" does not exist; '
        "the schema is at r1, mend the revision and migrate again\n"
    )
    assert out.startswith(f"{service}: 3 to apply: r1, r2, r3\n{service}: applied r1 in ")
    assert again[0] == 0
    assert again[1].startswith(f"{service}: 2 to apply: r2, r3\n")
    assert tables(database) == {"one", "two", "three"}


def test_a_revision_that_fails_in_python_is_one_sentence_too(database, package):
    service = package("python: raise KeyError('missing')")

    code, _, error = ask(service, database)

    assert (code, error) == (
        1,
        f"{service}: revision r1 (step 1) failed: KeyError: 'missing'; the schema is at its beginning, "
        "mend the revision and migrate again\n",
    )


def test_an_index_left_invalid_is_dropped_before_the_next_try(database, package):
    made = "CREATE TABLE things (id int); INSERT INTO things VALUES (1), (1)"
    service = package(made, "CREATE UNIQUE INDEX CONCURRENTLY ix_things ON things (id)")

    first = ask(service, database)
    left = indexes(database)
    query(database, "DELETE FROM things RETURNING id")
    second = ask(service, database)

    assert first[0] == 1
    assert 'could not create unique index "ix_things"' in first[2]
    assert left == {"ix_things": False}
    assert second[0] == 0, second
    assert (
        f"{service}: dropping the index public.ix_things, which a failed migration left invalid\n"
        in second[1]
    )
    assert indexes(database) == {"ix_things": True}


def test_an_index_that_disturbs_nobody_outwaits_older_transactions_and_the_timeouts(database, package):
    service = package("CREATE TABLE things (id int)", "CREATE INDEX CONCURRENTLY ix_things ON things (id)")
    migrate.migrate(url(database), service, to="r1", say=quiet)
    limits = Limits(timeouts=Timeouts(lock=0.1, statement=0.1), attempts=1)
    waits = (
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE 'CREATE INDEX CONCURRENTLY%%'"
        " AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '0.5 seconds'"
    )

    with testing.postgres().connect(database) as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO things VALUES (1)")
        run = threading.Thread(
            target=migrate.migrate, args=(url(database), service), kwargs={"limits": limits, "say": quiet}
        )
        run.start()
        waited = testing.eventually(lambda: query("postgres", waits, database))
        old.execute("COMMIT")
        run.join(60)

    assert waited
    assert indexes(database) == {"ix_things": True}
    assert migrate.status(url(database), service)["revision"] == "r2"


def test_a_statement_that_takes_too_long_is_ended(database, package):
    service = package("SELECT pg_sleep(10)")
    limits = Limits(timeouts=Timeouts(statement=0.1))

    with pytest.raises(MigrationError, match="canceling statement due to statement timeout"):
        migrate.migrate(url(database), service, limits=limits, say=quiet)


def test_what_a_killed_migrator_left_running_is_ended_and_the_rerun_converges(database, package):
    """The server goes on with the statement of a client that is gone; a rerun must not run beside it, nor wait for it."""
    service = package("CREATE TABLE one (id int)", "CREATE TABLE two (id int); SELECT pg_sleep(900)")
    run = start(service, database)
    asleep = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%pg_sleep(900)' AND state = 'active'"
    assert testing.eventually(lambda: query("postgres", asleep, database))

    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    left = tables(database)
    package("CREATE TABLE one (id int)", "CREATE TABLE two (id int)")
    migrate.migrate(url(database), service, say=quiet)

    assert left == {"one"}
    assert query("postgres", asleep, database) == []
    assert tables(database) == {"one", "two"}
    assert migrate.status(url(database), service)["revision"] == "r2"


def test_code_older_than_the_schema_has_nothing_to_do(database, package):
    service = package("CREATE TABLE one (id int)")
    migrate.migrate(url(database), service, say=quiet)
    query(database, "UPDATE alembic_version SET version_num = 'r9' RETURNING 1")

    ran = ask(service, database)
    back = ask(service, database, "--to", "r1")
    status = ask(service, database, "--status")
    unknown = ask(service, testing.migrated("tokens"), "--to", "r7")

    assert back[2] == (
        f"{service}: the schema is at r9, which is newer than this code; only the release that knows it can go back\n"
    )
    assert (unknown[0], len(unknown[2].splitlines())) == (1, 1)
    assert ran == (0, f"{service}: nothing to do, the schema is at r9, which is newer than this code\n", "")
    assert status == (0, f"{service}: at r9 (newer than this code), head r1\n", "")


@dataclass(frozen=True)
class Back:
    """Arguments that go back, or try to, and what is said."""

    arguments: tuple[str, ...]
    said: str


@pytest.mark.parametrize(
    "case",
    [
        Back(("--to", "0001"), "0001 is older than the schema; going back needs --downgrade as well"),
        Back(("--to", "0042"), f"this release has no revision '0042'; its newest is {HEAD}"),
        Back(("--to", "-1"), "-1 is older than the schema; going back needs --downgrade as well"),
        Back(("--to", "base", "--downgrade"), "--downgrade: name the revision with --to (is 'base')"),
        Back(("--to", "-1", "--downgrade"), "--downgrade: name the revision with --to (is '-1')"),
        Back(("--downgrade",), "--downgrade: name the revision with --to (is 'head')"),
        Back(("--to", HEAD, "--downgrade"), f"--downgrade: {HEAD} is not older than the schema"),
    ],
)
def test_going_back_is_asked_for_and_names_its_revision(case):
    given = testing.migrated("tokens")

    assert ask("tokens", given, *case.arguments) == (1, "", f"tokens: {case.said}\n")


def test_going_back_to_a_named_revision(database):
    migrate.migrate(url(database), "tokens", say=quiet)

    code, _, _ = ask("tokens", database, "--to", "0001", "--downgrade")

    assert (code, migrate.status(url(database), "tokens")["revision"]) == (0, "0001")


def test_sql_is_that_of_the_pending_revisions_and_does_what_migrating_does(database, package):
    service = package(
        "CREATE TABLE one (id int)", "CREATE TABLE two (id int)", "CREATE INDEX CONCURRENTLY i ON two (id)"
    )
    migrate.migrate(url(database), service, to="r1", say=quiet)

    code, script, _ = ask(service, database, "--sql")
    data = json.loads(ask(service, database, "--sql", "--json")[1])
    with testing.postgres().connect(database) as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)

    assert code == 0
    assert "CREATE TABLE one" not in script
    assert [(one["revision"], one["after"], one["problem"]) for one in data] == [
        ("r2", "r1", ""),
        ("r3", "r2", ""),
    ]
    assert migrate.status(url(database), service)["pending"] == []
    assert (
        "SET lock_timeout = '600000ms';\n\nSET statement_timeout = '0ms';\n\nCREATE INDEX CONCURRENTLY i ON two (id);"
        in script
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "python: op.get_bind().execute(sa.text('SELECT 1')).scalar()",
            "'NoneType' object has no attribute 'scalar'",
        ),
        (
            "python: op.get_context().is_offline_mode",
            "it does something else when it is only shown (is_offline_mode)",
        ),
        (
            "python: batches.run_in_revision(op, batches.Batches('n', 't', 'SELECT 1'))",
            "it moves rows in batches (n), as many as there are then",
        ),
    ],
)
def test_sql_that_cannot_be_told_before_is_refused(database, package, body, why):
    service = package(body)

    code, out, error = ask(service, database, "--sql")

    assert (code, out) == (1, "")
    assert error == f"{service}: revision r1 cannot be rendered as SQL: {why}; run it to see what it does\n"


def test_a_lost_database_is_named_where_a_revision_failed(database, package):
    service = package("CREATE TABLE one (id int)")
    with pytest.raises(psycopg.OperationalError):
        testing.postgres().connect("gone")

    assert ask(service, "gone")[2].startswith(f"{service}: the database does not answer: ")
