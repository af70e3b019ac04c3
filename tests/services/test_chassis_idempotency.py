"""Idempotency-Key: sent twice, even at the same moment, a POST is done once."""

import asyncio
import json

from sqlalchemy import text

from chassis import testing, web
from chassis.database import Database, SyncDatabase
from chassis.testing import ServiceTestCase, token
from movies.app import make_app

FILM = {"title": "Playtime", "year": 1967, "director": "Jacques Tati"}


class TestIdempotency(ServiceTestCase):
    service = "movies"

    def make_app(self, database_url):
        return make_app(
            web.Dependencies(
                service="movies", database=Database(database_url), verifier=testing.verifier("movies")
            )
        )

    def setUp(self):
        super().setUp()
        self.tables = SyncDatabase(self.database_url)
        self.addCleanup(self.tables.dispose)
        self.execute("TRUNCATE movies, idempotency_keys")

    def execute(self, statement):
        with self.tables.session() as session:
            found = session.execute(text(statement))
            return found.scalar() if found.returns_rows else None

    def add(self, key, film=FILM, client="tester"):
        bearer = token("movies:write", "movies", client_id=client)
        return self.call("POST", "/movies", film, token=bearer, headers={"Idempotency-Key": key})

    def films(self):
        return self.execute("SELECT count(*) FROM movies")

    def test_the_second_time_is_answered_as_the_first_and_adds_nothing(self):
        first, second = self.add("k-1"), self.add("k-1")

        assert (first.status, second.status) == (201, 201)
        assert second.json == first.json
        assert [second.headers[name] for name in ("Location", "ETag")] == [
            first.headers[name] for name in ("Location", "ETag")
        ]
        assert "Idempotent-Replayed" not in first.headers
        assert second.headers["Idempotent-Replayed"] == "true"
        assert self.films() == 1

    def test_another_key_another_client_or_no_key_is_another_request(self):
        self.add("k-1")
        self.add("k-2")
        self.add("k-1", client="another")
        self.call("POST", "/movies", FILM, token=token("movies:write", "movies"))

        assert self.films() == 4

    def test_a_key_that_was_used_with_another_body_is_refused(self):
        self.add("k-1")

        answer = self.add("k-1", {**FILM, "year": 1968})

        assert answer.status == 422
        assert answer.json["detail"] == "this Idempotency-Key was used with another body"

    def test_a_refused_request_uses_no_key_up(self):
        assert self.add("k-1", {**FILM, "year": 1}).status == 422

        assert self.add("k-1").status == 201

    def test_a_malformed_key_is_refused(self):
        for key in ("", "a b", "x" * 256):
            with self.subTest(key=key):
                assert self.add(key).status == 400

    def test_twenty_at_the_same_moment_add_one(self):
        headers = {
            "Idempotency-Key": "k-1",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token('movies:write', 'movies')}",
        }

        async def ask():
            while True:
                answer = await self.http_client.fetch(
                    self.get_url("/movies"),
                    method="POST",
                    body=json.dumps(FILM),
                    headers=headers,
                    raise_error=False,
                )
                if answer.code != 409:  # who waited two seconds for the first of them is to ask again
                    return answer.code, json.loads(answer.body)["id"]

        async def race():
            return await asyncio.gather(*(ask() for _ in range(20)))

        answers = self.io_loop.run_sync(race)

        assert [status for status, _ in answers] == [201] * 20
        assert len({number for _, number in answers}) == 1
        assert self.films() == 1

    def test_while_another_holds_the_key_it_is_a_conflict(self):
        holder = self.tables.engine.connect()
        holder.execute(
            text(
                "INSERT INTO idempotency_keys (owner, key, fingerprint)"
                " VALUES ('tester POST /movies', 'k-1', 'x')"
            )
        )

        answer = self.add("k-1")
        holder.rollback()
        holder.close()

        assert (answer.status, answer.headers["Retry-After"]) == (409, "1")

    def test_keys_are_forgotten_after_a_day(self):
        self.add("k-1")
        self.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")

        self.add("k-2")

        assert self.execute("SELECT string_agg(key, ' ') FROM idempotency_keys") == "k-2"
