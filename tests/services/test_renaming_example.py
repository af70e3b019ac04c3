"""The example of a column renamed over three releases: each release's code runs on its schema and on the next one's."""

import importlib
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from migration_case import quiet, start

from chassis import migrate, testing
from infra.errors import Refused
from infra.migrations.judgement import judge

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "fixtures" / "renaming"
HEADS = {0: "0001", 1: "0003", 2: "0005", 3: "0006"}
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.0003); RETURN NEW; END $$
"""
CODE = {0: "release_0", 1: "release_0", 2: "release_2", 3: "release_2"}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.fixture
def database():
    return testing.postgres().create_database()


def code(release):
    return importlib.import_module(f"shelf.{CODE[release]}")


def at(database, release):
    migrate.migrate(testing.postgres().url(database), "shelf", to=HEADS[release], say=quiet)


def behaves(release, connection):
    """The tests of a release: what its code promises."""
    shelf = code(release)

    book = shelf.add(connection, "Ulyses")
    shelf.correct(connection, book, "Ulysses")

    assert shelf.title_of(connection, book) == "Ulysses"


@pytest.mark.parametrize("release", [1, 2, 3])
def test_the_previous_releases_tests_pass_on_the_new_schema(database, release):
    at(database, release)

    with testing.postgres().connect(database) as connection:
        behaves(release - 1, connection)
        behaves(release, connection)


def test_two_releases_in_a_row_see_each_others_books(database):
    at(database, 0)
    with testing.postgres().connect(database) as connection:
        eldest = code(0).add(connection, "Emma")
        for release in (1, 2):
            at(database, release)
            old, new = code(release - 1), code(release)
            theirs, ours = old.add(connection, "Middlemarch"), new.add(connection, "Walden")
            old.correct(connection, ours, "Walden; or, Life in the Woods")
            new.correct(connection, theirs, "Middlemarch: A Study of Provincial Life")

            assert old.title_of(connection, theirs) == new.title_of(connection, theirs)
            assert old.title_of(connection, ours) == "Walden; or, Life in the Woods"
            assert new.title_of(connection, eldest) == "Emma"
        at(database, 3)

        assert code(3).title_of(connection, eldest) == "Emma"


def test_renaming_at_once_breaks_the_code_that_serves(database):
    """What all this is for: the plain rename fails the same tests."""
    at(database, 0)
    with testing.postgres().connect(database) as connection:
        connection.execute("ALTER TABLE books RENAME COLUMN title TO full_title")

        with pytest.raises(psycopg.errors.UndefinedColumn):
            behaves(0, connection)


def test_the_old_code_serves_while_every_revision_runs(database):
    """Release 0's code reads and writes without an error and without a long wait, through to release 2's schema."""
    at(database, 0)
    over, failures, turns = threading.Event(), [], []

    def serve():
        with testing.postgres().connect(database) as connection:
            while not over.is_set():
                try:
                    behaves(0, connection)
                    turns.append(1)
                except Exception as error:
                    failures.append(error)

    server = threading.Thread(target=serve)
    server.start()
    for release in (1, 2):
        at(database, release)
    over.set()
    server.join(10)

    assert failures == []
    assert len(turns) > 10


def test_a_backfill_killed_half_way_goes_on_in_the_next_run(database):
    at(database, 0)
    with testing.postgres().connect(database) as connection:
        connection.execute("INSERT INTO books (title) SELECT 'x' FROM generate_series(1, 3000)")
        migrate.migrate(testing.postgres().url(database), "shelf", to="0002", say=quiet)
        connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.0004); RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER slow BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION slow()")

        def left():
            return connection.execute("SELECT count(*) FROM books WHERE full_title IS NULL").fetchone()[0]

        run = start("shelf", database)
        assert testing.eventually(lambda: left() < 3000)
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=10)
        between = left()
        said = []
        migrate.migrate(testing.postgres().url(database), "shelf", to=HEADS[2], say=said.append)

        assert 0 < between < 3000
        assert any(line.startswith("books.full_title: goes on after id ") for line in said)
        assert left() == 0


def test_the_linter_passes_the_example_and_refuses_it_without_its_reasons(tmp_path):
    shutil.copytree(EXAMPLE / "shelf", tmp_path / "services" / "shelf")
    shutil.copytree(ROOT / "services" / "chassis", tmp_path / "services" / "chassis")
    contract = tmp_path / "services/shelf/migrations/versions/0006_contract.py"

    verdict = judge(tmp_path, ["shelf"], {"shelf": "0005"}, postgres="17")
    verdict.refuse()
    contract.write_text(contract.read_text().replace("# allow ban-drop-column", "# because"))
    silent = judge(tmp_path, ["shelf"], {"shelf": "0005"}, postgres="17")

    assert verdict.restore_point == ("shelf 0006: ban-drop-column",)
    with pytest.raises(
        Refused, match=r"services/shelf/migrations/versions/0006_contract\.py: ban-drop-column"
    ):
        silent.refuse()


def test_every_revision_of_the_example_is_fine():
    command = [sys.executable, "-m", "chassis.migrate", "shelf", "--sql", "--from", "0003"]
    path = {"PYTHONPATH": f"{EXAMPLE}:{ROOT / 'services'}"}

    done = subprocess.run(command, env=path, capture_output=True, text=True, check=True)

    assert "VALIDATE CONSTRAINT" in done.stdout
