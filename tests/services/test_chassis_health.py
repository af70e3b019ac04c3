"""Liveness and readiness: what makes a balancer send requests, and what makes a container start anew."""

import json

import pytest
from sqlalchemy import text
from tornado.testing import AsyncHTTPTestCase

from chassis import testing, web
from chassis.database import Database
from chassis.schema import Schema, schema
from chassis.testing import ServiceTestCase


class Case(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        database = Database(database_url)
        return web.application([], web.Dependencies(service="x", database=database, schema=schema("tokens")))


class TestHealth(Case):
    def test_a_migrated_database_makes_the_process_ready(self):
        answer = self.call("GET", "/health/ready")

        assert (answer.status, answer.json) == (
            200,
            {
                "status": "ready",
                "database": {"status": "ready"},
                "schema": {"applied": schema("tokens").head, "code": schema("tokens").head},
            },
        )

    def test_a_schema_older_than_the_code_is_not_ready(self):
        self._stamp("0001")

        answer = self.call("GET", "/health/ready")

        assert answer.status == 503
        assert answer.json["detail"] == f"the schema is at 0001, this code needs {schema('tokens').head}"

    def test_a_schema_newer_than_the_code_is_ready_so_that_a_deploy_does_not_stop_what_runs(self):
        self._stamp("9999")

        assert self.call("GET", "/health/ready").status == 200

    def test_a_database_without_a_schema_is_not_ready(self):
        assert not Schema("0002", frozenset({"0001"})).suits(None)

    def test_a_stopping_process_is_live_and_not_ready(self):
        self._app.stopping = True

        assert self.call("GET", "/health/ready").status == 503
        assert self.call("GET", "/health/live").json == {"status": "live"}

    def _stamp(self, revision):
        async def stamp():
            async with self._app.dependencies.database.session() as session:
                statement = text("UPDATE alembic_version SET version_num = :revision")
                await session.execute(statement, {"revision": revision})

        self.io_loop.run_sync(stamp)
        self.addCleanup(type(self).setUpClass)


class TestHealthWithoutDatabase(AsyncHTTPTestCase):
    def get_app(self):
        address = testing.postgres().url("there_is_no_such_database")
        return web.application([], web.Dependencies(service="x", database=Database(address)))

    def test_a_database_that_does_not_answer_is_not_ready_yet_live(self):
        ready = self.fetch("/health/ready")

        assert (ready.code, json.loads(ready.body)["detail"]) == (503, "the database does not answer")
        assert self.fetch("/health/live").code == 200


@pytest.mark.parametrize("revision, suits", [("0002", True), ("0001", False), (None, False), ("0003", True)])
def test_a_schema_suits_at_its_head_and_beyond(revision, suits):
    assert Schema("0002", frozenset({"0001"})).suits(revision) is suits
