"""`movies.year` became `release_year` over three releases: each one's code runs on its schema and on the next one's."""

import signal
import threading
import time
from types import SimpleNamespace

import pytest
from agreement import differences
from migration_case import quiet, start
from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from chassis import migrate, testing
from movies import catalogue, handlers, models
from movies.shapes import MovieInput
from tests.fixtures.renaming import release_0, release_1, release_2

HEADS = {0: "0009", 1: "0010", 2: "0012", 3: "0013"}
NOW = SimpleNamespace(Base=models.Base, Movie=models.Movie, columns=catalogue.columns, shown=handlers.shown)
RELEASES = {0: release_0, 1: release_1, 2: release_2, 3: NOW}
SLOW = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END $$",
    "CREATE TRIGGER slow BEFORE UPDATE ON movies FOR EACH ROW EXECUTE FUNCTION slow()",
)


class Catalogue:
    """What a release does with the table, with its own model: the statements of services/movies/catalogue.py."""

    def __init__(self, release, engine):
        self.code, self.engine = RELEASES[release], engine

    def add(self, title, year):
        adding = insert(self.code.Movie).values(**self.code.columns(said(title, year)))
        with Session(self.engine) as session, session.begin():
            return session.scalars(adding.returning(self.code.Movie)).one().id

    def replace(self, movie, title, year):
        movies = self.code.Movie
        change = {**self.code.columns(said(title, year)), "version": movies.version + 1}
        with Session(self.engine) as session, session.begin():
            changed = update(movies).where(movies.id == movie).values(**change).returning(movies)
            return self.code.shown(session.scalars(changed).one())

    def year_of(self, movie):
        with Session(self.engine) as session:
            return self.code.shown(session.get_one(self.code.Movie, movie)).year

    def years(self):
        movies = self.code.Movie
        with Session(self.engine) as session:
            return [self.code.shown(one).year for one in session.scalars(select(movies).order_by(movies.id))]


def said(title, year):
    return MovieInput(title=title, year=year, director="Jacques Tati")


def behaves(release, engine):
    """The tests of a release: what its code promises."""
    code = Catalogue(release, engine)

    movie = code.add("Play Time", 1966)
    changed = code.replace(movie, "Playtime", 1967)

    assert (changed.title, changed.year) == ("Playtime", 1967)
    assert code.year_of(movie) == 1967
    assert code.years()[-1] == 1967


@pytest.fixture
def database():
    return testing.postgres().create_database()


@pytest.fixture
def engine(database):
    made = create_engine(testing.postgres().url(database))
    yield made
    made.dispose()


def at(database, release, say=quiet):
    migrate.migrate(testing.postgres().url(database), "movies", to=HEADS[release], say=say)


@pytest.mark.parametrize("release", [1, 2, 3])
def test_the_previous_releases_code_passes_its_tests_on_the_next_schema(database, engine, release):
    at(database, release)

    behaves(release - 1, engine)
    behaves(release, engine)


@pytest.mark.parametrize("release", [0, 1, 2, 3])
def test_each_releases_migrations_lead_to_its_models(database, release):
    at(database, release)

    assert differences(testing.postgres().url(database), RELEASES[release].Base.metadata) == []


@pytest.mark.parametrize("release", [0, 1])
def test_code_from_before_release_2_fails_on_the_contracted_schema(database, engine, release):
    at(database, 3)

    with pytest.raises(ProgrammingError, match=r"column .*year.* does not exist"):
        behaves(release, engine)


def test_code_that_comes_before_its_schema_fails(database, engine):
    """Why a release's revisions run before its code: release 2 on release 0's schema."""
    at(database, 0)

    with pytest.raises(ProgrammingError, match=r"column .*release_year.* does not exist"):
        behaves(2, engine)


@pytest.mark.parametrize("schema", [1, 2])
def test_what_one_release_writes_is_right_for_the_other(database, engine, schema):
    at(database, 0)
    eldest = Catalogue(0, engine).add("Jour de fête", 1949)
    at(database, schema)
    old, new = Catalogue(schema - 1, engine), Catalogue(schema, engine)

    theirs, ours = old.add("Mon oncle", 1957), new.add("Trafic", 1970)
    new.replace(theirs, "Mon oncle", 1958)
    old.replace(ours, "Trafic", 1971)

    for code in (old, new):
        assert [code.year_of(movie) for movie in (eldest, theirs, ours)] == [1949, 1958, 1971]


def test_a_movie_older_than_the_trigger_follows_whoever_writes_it_before_the_backfill(database, engine):
    at(database, 0)
    movie = Catalogue(0, engine).add("Parade", 1973)  # the newest
    at(database, 1)

    Catalogue(1, engine).replace(movie, "Parade", 1974)

    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT year, release_year FROM movies ORDER BY id DESC").first()
    assert row == (1974, 1974)


def test_the_old_code_serves_while_every_revision_up_to_release_2_runs(database, engine):
    at(database, 0)
    over, failures, turns = threading.Event(), [], []

    def serve():
        while not over.is_set():
            try:
                behaves(0, engine)
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
    assert len(turns) > 3


def test_renaming_the_column_at_once_breaks_the_code_that_serves(database, engine):
    """What all this is for: the plain rename fails the same tests."""
    at(database, 0)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE movies RENAME COLUMN year TO release_year")

    with pytest.raises(ProgrammingError, match=r"column .*year.* does not exist"):
        behaves(0, engine)


@pytest.mark.slow
def test_a_backfill_killed_half_way_goes_on_in_the_next_run(database, engine):
    at(database, 0)
    with testing.postgres().connect(database) as connection:
        connection.execute(
            "INSERT INTO movies (title, year, director) SELECT 'x', 1900 + n % 100, 'y' FROM generate_series(1, 3000) n"
        )
        at(database, 1)
        for statement in SLOW:
            connection.execute(statement)

        def left():
            return connection.execute("SELECT count(*) FROM movies WHERE release_year IS NULL").fetchone()[0]

        begun = left()
        run = start("movies", database, "--to", HEADS[2])
        assert testing.eventually(lambda: left() < begun)
        run.send_signal(signal.SIGKILL)
        run.communicate(timeout=10)
        between, told = left(), []
        at(database, 2, told.append)
        wrong = connection.execute("SELECT count(*) FROM movies WHERE release_year IS DISTINCT FROM year")

        assert 0 < between < begun
        assert any(line.startswith("movies.release_year: goes on after id ") for line in told)
        assert wrong.fetchone()[0] == 0


def test_going_back_from_the_contraction_makes_the_old_column_again_for_the_old_code(database, engine):
    at(database, 3)
    movie = Catalogue(3, engine).add("Playtime", 1967)

    at(database, 2)

    assert Catalogue(1, engine).year_of(movie) == 1967
    behaves(1, engine)
    behaves(2, engine)
    at(database, 3)
    assert Catalogue(3, engine).year_of(movie) == 1967


@pytest.mark.slow
def test_going_back_from_the_contraction_keeps_no_reader_waiting(database, engine):
    at(database, 3)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO movies (title, release_year, director) SELECT 'x', 1967, 'y' FROM generate_series(1, 3000)"
        )
        for statement in SLOW:
            connection.exec_driver_sql(statement)
    over, waits = threading.Event(), []

    def read():
        while not over.is_set():
            began = time.monotonic()
            Catalogue(3, engine).year_of(1)
            waits.append(time.monotonic() - began)

    reader = threading.Thread(target=read)
    reader.start()
    began = time.monotonic()
    at(database, 2)
    took = time.monotonic() - began
    over.set()
    reader.join(10)

    assert max(waits) < took / 2, (max(waits), took)


def test_a_backfill_that_was_taken_back_runs_again(database, engine):
    at(database, 2)
    at(database, 0)
    movie = Catalogue(0, engine).add("Playtime", 1967)

    at(database, 3)

    assert Catalogue(3, engine).year_of(movie) == 1967
