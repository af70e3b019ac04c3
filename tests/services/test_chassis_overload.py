"""More than a process can do: it refuses early, it does not retry others to death, and it stops when nobody waits."""

import asyncio

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from chassis import client, deadline, shedding, web
from chassis.breaker import RetryBudget
from chassis.client import ServiceClient, ServiceUnavailable
from chassis.database import Database, unavailable
from chassis.testing import ServiceTestCase


class Held(web.Handler):
    """Answers when the test lets go."""

    async def get(self):
        await self.application.let_go.wait()
        self.send({})


class Left(web.Handler):
    """Tells how long its caller still waits, after a while."""

    async def get(self):
        await asyncio.sleep(0.01)
        self.send({"left": deadline.remaining(99.0)})


class Pool(web.Handler):
    async def get(self):
        async with self.dependencies.database.session() as session:
            await session.execute(text("SELECT 1"))
        self.send({})


class TestOverload(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        lost = URL.create("postgresql+psycopg", host="127.0.0.1", port=9, database="x", username="x")
        dependencies = web.Dependencies(service="things", database=Database(lost))
        routes = [("/held", Held), ("/left", Left), ("/pool", Pool)]
        app = web.application(routes, dependencies, limits=shedding.Limits(requests=2))
        app.let_go = asyncio.Event()
        return app

    async def status(self, path):
        return (await self.http_client.fetch(self.get_url(path), raise_error=False)).code

    def test_a_request_too_many_is_refused_at_once_and_probes_are_not(self):
        async def scenario():
            held = [asyncio.ensure_future(self.status("/held")) for _ in range(2)]
            while len(self._app.in_flight) < 2:
                await asyncio.sleep(0.001)
            meanwhile = [await self.status("/held"), await self.status("/health/live")]
            self._app.let_go.set()
            return meanwhile, await asyncio.gather(*held), await self.status("/held")

        assert self.io_loop.run_sync(scenario) == ([503, 200], [200, 200], 200)

    def test_a_refusal_says_when_to_come_back(self):
        self._app.lag.seconds = 2.0

        answer = self.call("GET", "/held")

        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_a_lost_database_is_503_and_no_bug(self):
        answer = self.call("GET", "/pool")

        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json["detail"] == "the database does not answer"

    def test_a_deadline_is_taken_from_the_caller_and_bounded(self):
        def left(value):
            return self.call("GET", "/left", headers={deadline.HEADER: value}).json["left"]

        assert 0 < left("10000") <= 9.99
        for value in ("", "soon", "-1", "99999999", "²"):
            assert 10 < left(value) <= deadline.MOST


def test_a_statement_of_ours_that_fails_is_a_bug_and_not_an_outage():
    from chassis.testing_postgres import fresh_database

    async def scenario():
        pool = Database(fresh_database("tokens"))
        try:
            async with pool.session() as session:
                await session.execute(text("SELECT 1 / 0"))
        except DBAPIError as error:
            return unavailable(error)
        finally:
            await pool.dispose()

    assert asyncio.run(scenario()) is False


def test_a_budget_lets_one_retry_in_ten_through_once_its_savings_are_spent():
    budget = RetryBudget(left=1.0)

    spent = []
    for _ in range(30):
        budget.earn()
        spent.append(budget.spend())

    assert sum(spent) in (3, 4)


class Callee(web.Handler):
    async def get(self):
        self.application.asked.append(self.request.headers.get(deadline.HEADER))
        self.send({}, 503)


class TestCaller(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        app = web.application([("/down", Callee)], web.Dependencies(service="things"))
        app.asked = []
        return app

    def ask(self, *, budget=None, milliseconds=None, times=1):
        async def scenario():
            async with client.session(timeout=60, connect=60) as http:
                if milliseconds is not None:
                    deadline.enter({deadline.HEADER: str(milliseconds)})
                breaker = client.Breaker(limit=1000)
                caller = ServiceClient(self.get_url(""), http, budget=budget, breaker=breaker, back_off=0.001)
                for _ in range(times):
                    with pytest.raises(ServiceUnavailable):
                        await caller.get("/down")

        self.io_loop.run_sync(lambda: asyncio.create_task(scenario()))
        return self._app.asked

    def test_retries_end_with_the_budget(self):
        assert len(self.ask(times=20, budget=RetryBudget())) <= 20 + 10 + 2

    def test_what_is_left_of_the_deadline_is_handed_on(self):
        asked = self.ask(milliseconds=20_000)

        assert len(asked) == 3
        assert all(5_000 < int(value) <= 20_000 for value in asked)

    def test_who_no_longer_waits_is_not_asked_for(self):
        assert self.ask(milliseconds=0) == []
