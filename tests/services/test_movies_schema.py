"""The catalogue's migrations as SQL, its seeds, and its indexes."""

import importlib

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text

from chassis import migrate
from chassis.testing_postgres import fresh_database, postgres
from movies import catalogue, directors
from movies.models import SEEDED_IDS

seeds = importlib.import_module("movies.migrations.versions.0004_films")


def quiet(line: str) -> None:
    pass


def test_the_migrations_can_be_printed_as_sql(capsys):
    migrate.sql("movies", "0006")  # 0007 moves rows in batches, as many as there are then

    printed = capsys.readouterr().out
    assert printed.count("BEGIN;") == printed.count("COMMIT;")
    assert printed.rstrip().endswith("COMMIT;")
    assert "'Bacurau', 2019, 'Kleber Mendonça Filho and Juliano Dornelles', 131" in printed
    assert "Schindler''s List" in printed


def test_seeding_again_adds_nothing_and_keeps_what_people_changed():
    address = postgres().url(postgres().create_database())
    migrate.migrate(address, "movies", to="0005", say=quiet)
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("UPDATE movies SET title = 'Changed' WHERE id = 1"))
        connection.execute(text("DELETE FROM movies WHERE id = 2"))
        for _ in range(2):
            with Operations.context(MigrationContext.configure(connection)):
                seeds.upgrade()
        rows = connection.execute(text("SELECT id, title FROM movies ORDER BY id LIMIT 2")).all()
        count = connection.scalar(text("SELECT count(*) FROM movies"))
    engine.dispose()

    assert rows == [(1, "Changed"), (2, "City Lights")]
    assert count == len(seeds.FILMS)


def test_the_seeds_are_dozens_of_different_films_within_their_range_of_ids():
    films = {(title, year) for title, year, _, _ in seeds.FILMS}

    assert 40 <= len(films) == len(seeds.FILMS) <= SEEDED_IDS


def test_what_is_asked_of_a_large_catalogue_is_answered_from_an_index():
    engine = create_engine(fresh_database("movies"))
    fill = text(
        "INSERT INTO movies (title, release_year, director)"
        " SELECT md5(n::text) || ' ' || md5((-n)::text), 2000, md5((n % 500)::text) || ' ' || md5((n / 2)::text)"
        " FROM generate_series(1, 5000) AS n"
    )
    by_name = directors.found("kubrick", after=0, limit=21)
    by_title = catalogue.matching(by_title=True, by_director=False).params(
        title="godfather", after=0, limit=21
    )
    by_director = catalogue.matching(by_title=False, by_director=True).params(director=7, after=0, limit=21)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(fill)
        connection.execute(text("VACUUM ANALYZE movies, directors"))
        plans = {
            index: explained(connection, question)
            for index, question in {
                "ix_movies_title_trigrams": by_title,
                "ix_movies_director_id_id": by_director,
                "ix_directors_name_trigrams": by_name,
            }.items()
        }
    engine.dispose()

    assert {index: index in plan for index, plan in plans.items()} == dict.fromkeys(plans, True), plans


def explained(connection, question):
    sql = question.compile(connection, compile_kwargs={"literal_binds": True})
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}").scalars())
