"""Backfills: small transactions, resumed where they stopped, and never twice at once."""

import signal
import subprocess
import sys
import threading

import pytest
from migration_case import database, package, quiet

from chassis import batches, migrate, testing
from chassis.batches import Batches
from chassis.migration_lock import engine

__all__ = ["database", "package"]  # fixtures

COPY = Batches(
    name="things.new",
    table="things",
    statement="UPDATE things SET new = old, touched = touched + 1 WHERE id > :after AND id <= :upto",
    size=10,
    pause=0,
)
TABLE = "CREATE TABLE things (id bigint PRIMARY KEY, old text, new text, touched int DEFAULT 0)"
ROWS = "INSERT INTO things (id, old) SELECT number * 7 - 50, 'x' FROM generate_series(1, 95) AS number"


@pytest.fixture
def rows(database):
    with testing.postgres().connect(database) as connection:
        connection.execute(f"{TABLE}; {ROWS}")
    return database


def ask(database, statement):
    with testing.postgres().connect(database) as connection:
        return connection.execute(statement).fetchall()


def touched(database):
    return dict(
        ask(database, "SELECT touched, count(*) FROM things WHERE touched = 0 OR new = old GROUP BY 1")
    )


def address(database):
    return engine(testing.postgres().url(database), "test")


def test_every_row_is_moved_once_and_a_second_run_has_nothing_to_do(rows):
    said = []

    first = batches.run(address(rows), COPY, say=said.append)
    second = batches.run(address(rows), COPY, say=said.append)

    assert (first, second, touched(rows)) == (95, 0, {1: 95})
    assert said == ["things.new: 95 rows, finished", "things.new: was finished before, nothing to do"]


def test_a_run_that_is_stopped_goes_on_where_it_was(rows):
    class Stop(Exception):
        pass

    pauses = []

    def stop(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Stop

    with pytest.raises(Stop):
        batches.run(address(rows), COPY, say=quiet, sleep=stop)
    before, said = touched(rows), []
    moved = batches.run(address(rows), COPY, say=said.append)

    assert before == {1: 30, 0: 65}
    assert (moved, touched(rows)) == (65, {1: 95})
    assert said[0] == "things.new: goes on after id 160"


def test_a_process_killed_in_the_middle_repeats_nothing(rows, tmp_path, monkeypatch):
    single = Batches(**{**vars(COPY), "name": "single", "size": 1})
    (tmp_path / "own_batches.py").write_text(f"from chassis.batches import Batches\nSINGLE = {single!r}")
    given = {"PYTHONPATH": ":".join([str(tmp_path), *sys.path]), **testing.postgres().environment(rows)}
    command = [sys.executable, "-m", "chassis.batches", "own_batches:SINGLE"]

    with testing.postgres().connect(rows) as other:
        other.execute("BEGIN; SELECT * FROM things WHERE id = 300 FOR UPDATE")  # the 50th
        first = subprocess.Popen(command, env=given)
        stopped_there = testing.eventually(lambda: touched(rows).get(1) == 49)
        first.send_signal(signal.SIGKILL)
        first.wait()
    between = touched(rows)
    second = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)

    assert stopped_there
    assert between == {1: 49, 0: 46}
    assert second.returncode == 0, second.stderr
    assert "single: goes on after id 293\n" in second.stdout
    assert touched(rows) == {1: 95}


def test_two_runs_at_once_share_nothing(rows):
    results = []
    runs = [
        threading.Thread(target=lambda: results.append(batches.run(address(rows), COPY, say=quiet)))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)

    assert sorted(results) == [0, 95]
    assert touched(rows) == {1: 95}


def test_a_row_that_others_hold_is_waited_for(rows):
    impatient = Batches(**{**vars(COPY), "lock_timeout": 0.05})
    pauses = []

    with testing.postgres().connect(rows) as other:
        other.execute("BEGIN; SELECT * FROM things WHERE id = 20 FOR UPDATE")

        def wait(seconds):
            pauses.append(seconds)
            other.execute("COMMIT")

        moved = batches.run(address(rows), impatient, say=quiet, sleep=wait)

    assert (moved, pauses[0]) == (95, 0.5)


def test_a_revision_can_be_a_backfill(database, package):
    body = f"python: batches.run_in_revision(op, {COPY!r})".replace("Batches(", "batches.Batches(")
    service, said = package(TABLE, ROWS, body), []

    migrate.migrate(testing.postgres().url(database), service, say=said.append)

    assert touched(database) == {1: 95}
    assert said[3] == "things.new: 95 rows, finished"
    assert said[4].startswith(f"{service}: applied r3 in ")


@pytest.mark.parametrize("arguments", [[], ["no_colon"], ["a:b", "c:d"]])
def test_a_wrong_name_is_told(arguments, capsys):
    assert batches.main(arguments, {}) == 2
    assert capsys.readouterr().err == "usage: python -m chassis.batches MODULE:NAME\n"
