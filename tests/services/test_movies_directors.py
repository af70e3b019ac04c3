"""Directors: made from what movies say, found by name, and each the way to the movies."""

import threading

from agreement import differences
from movies_case import JAWS, MoviesCase, writer
from sqlalchemy import create_engine, text

from chassis import migrate
from chassis.testing_postgres import fresh_database, postgres
from movies.models import Base


class TestDirectors(MoviesCase):
    def test_a_movie_leads_to_its_director_and_back(self):
        movie = self.call("GET", "/movies/10").json

        director = self.call("GET", f"/directors/{movie['director_id']}").json
        own = self.call("GET", f"/movies?director={director['id']}").json["items"]

        assert director == {"id": movie["director_id"], "name": "Akira Kurosawa", "movies": 3}
        assert [found["title"] for found in own] == ["Rashomon", "Seven Samurai", "Ran"]

    def test_a_director_is_found_by_any_part_of_the_name_in_any_case(self):
        found = {
            words: [row["name"] for row in self.call("GET", f"/directors?name={words}").json["items"]]
            for words in ("KUBRICK", "ozu", "%C3%A9line", "nobody", "_")
        }

        assert found == {
            "KUBRICK": ["Stanley Kubrick"],
            "ozu": ["Yasujirō Ozu"],
            "%C3%A9line": ["Céline Sciamma"],
            "nobody": [],
            "_": [],
        }

    def test_pages_of_directors_follow_one_another(self):
        first = self.call("GET", "/directors?limit=30").json
        second = self.call("GET", f"/directors?limit=30&cursor={first['next']}").json

        ids = [row["id"] for row in first["items"] + second["items"]]
        assert ids == sorted(set(ids))
        assert len(first["items"]) == 30
        assert second["next"] is None

    def test_a_search_within_a_directors_movies_holds_to_both(self):
        lang = self.call("GET", "/movies/10").json["director_id"]

        found = self.call("GET", f"/movies?director={lang}&title=ran").json["items"]

        assert [movie["title"] for movie in found] == ["Ran"]

    def test_two_movies_of_one_name_have_one_director(self):
        first = self.added(director="Agnès Varda")
        second = self.added(director=" Agnès Varda ")

        assert first["director_id"] == second["director_id"]
        assert self.call("GET", f"/directors/{first['director_id']}").json["movies"] == 2

    def test_a_director_whose_last_movie_is_gone_or_anothers_is_not_shown(self):
        movie = self.added(director="A. Smithee")
        self.call("PUT", f"/movies/{movie['id']}", {**JAWS, "director": "Somebody Else"}, token=writer())

        gone = self.call("GET", f"/directors/{movie['director_id']}")

        assert (gone.status, gone.headers["Content-Type"]) == (404, "application/problem+json")
        assert self.call("GET", "/directors?name=Smithee").json["items"] == []

    def test_bad_parameters_are_a_problem_and_unknown_directors_have_no_movies(self):
        statuses = [
            self.call("GET", path).status
            for path in (
                "/movies?director=x",
                "/movies?director=-1",
                "/movies?director=null",
                "/directors?limit=0",
                "/directors/0",
            )
        ]

        assert statuses == [400, 400, 400, 400, 404]
        for unknown in (0, 999999):
            assert self.call("GET", f"/movies?director={unknown}").json == {"items": [], "next": None}


def quiet(line: str) -> None:
    pass


def test_the_release_before_writes_movies_and_they_have_a_director():
    address = postgres().url(postgres().create_database())
    migrate.migrate(address, "movies", to="0009", say=quiet)
    engine = create_engine(address)
    with engine.begin() as connection:
        # What release 0005 sends: it knows nothing of directors.
        added = text(
            "INSERT INTO movies (title, year, director) VALUES ('Playtime', 1967, 'J. Tati') RETURNING id"
        )
        movie = connection.scalar(added)
        connection.execute(text("UPDATE movies SET director = 'Jacques Tati' WHERE id = :id"), {"id": movie})
        name = connection.scalar(
            text("SELECT d.name FROM movies m JOIN directors d ON d.id = m.director_id WHERE m.id = :id"),
            {"id": movie},
        )
    engine.dispose()

    assert name == "Jacques Tati"


def test_movies_that_were_there_before_get_their_director():
    address = postgres().url(postgres().create_database())
    migrate.migrate(address, "movies", to="0005", say=quiet)

    migrate.migrate(address, "movies", say=quiet)

    engine = create_engine(address)
    with engine.connect() as connection:
        without = connection.scalar(text("SELECT count(*) FROM movies WHERE director_id IS NULL"))
        kinds = connection.scalar(
            text("SELECT count(DISTINCT director) = count(DISTINCT director_id) FROM movies")
        )
    engine.dispose()
    assert (without, kinds) == (0, True)
    assert differences(address, Base.metadata) == []


def test_movies_get_their_director_again_when_the_revisions_were_taken_back():
    address = fresh_database("movies")
    engine = create_engine(address)
    with engine.begin() as connection:
        adding = (
            "INSERT INTO movies (title, release_year, director) VALUES ('Playtime', 1967, 'Jacques Tati')"
        )
        connection.execute(text(adding))

    migrate.migrate(address, "movies", to="0005", say=quiet)
    migrate.migrate(address, "movies", say=quiet)

    with engine.connect() as connection:
        without = connection.scalar(text("SELECT count(*) FROM movies WHERE director_id IS NULL"))
    engine.dispose()
    assert without == 0


def test_one_director_named_by_many_at_once_is_one_row():
    engine = create_engine(fresh_database("movies"), pool_size=8)
    together = threading.Barrier(8)

    def add() -> None:
        together.wait()
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO movies (title, release_year, director) VALUES ('x', 2000, 'Crowd')")
            )

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT count(*), count(DISTINCT director_id) FROM movies WHERE director = 'Crowd'")
        ).one()
    engine.dispose()

    assert tuple(rows) == (8, 1)
