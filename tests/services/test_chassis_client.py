"""Calls between services, against real servers: tokens, retries, the breaker, and ids handed on."""

import asyncio
import base64
import json
import logging
from urllib.parse import parse_qs

import aiohttp
import pytest
from tornado.testing import AsyncHTTPTestCase, gen_test

from chassis import client, logs, trace, web
from chassis.auth import Verifier
from chassis.client import Breaker, ServiceClient, ServiceUnavailable, TokenSource
from chassis.jwks import KeysUnavailable, key_store
from chassis.testing import ISSUER, KID, signing_key, token


class Recorded(web.Handler):
    """Answers with the next of the application's planned statuses and keeps the request."""

    async def any(self, *arguments):
        self.application.seen.append(self.request)
        planned = self.application.planned
        status = planned.pop(0) if planned else 200
        if status == "hang":
            await asyncio.sleep(5)
        elif status == "hang up":
            self.request.connection.stream.close()
        else:
            self.send({"path": self.request.path}, status)

    get = post = put = delete = any


class Issuer(web.Handler):
    """A token endpoint that gives t1, t2 and so on."""

    async def post(self):
        self.application.grants.append(self.request)
        await asyncio.sleep(0.01)
        if self.application.issuer_status != 200:
            self.send({"error": "invalid_client"}, self.application.issuer_status)
            return
        granted = f"t{len(self.application.grants)}"
        self.send(
            {"access_token": granted, "token_type": "Bearer", "expires_in": 600, "scope": "movies:read"}
        )


class Keys(web.Handler):
    def get(self):
        key = {**signing_key().as_dict(private=False), "kid": KID}
        self.send({"keys": [key]}, headers={"Cache-Control": "max-age=120"})


class Moved(web.Handler):
    def get(self):
        self.set_header("Location", "/.well-known/jwks.json")
        self.send({}, 302)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Case(AsyncHTTPTestCase):
    def get_app(self):
        routes = [
            ("/oauth/token", Issuer),
            (r"/\.well-known/jwks\.json", Keys),
            (r"/moved/\.well-known/jwks\.json", Moved),
            ("/.*", Recorded),
        ]
        self.app = web.Application(routes, web.Dependencies(service="movies"))
        self.app.planned, self.app.seen, self.app.grants, self.app.issuer_status = [], [], [], 200
        return self.app

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        self.http = self.io_loop.run_sync(self._open)
        self.base = self.get_url("")

    def tearDown(self):
        self.io_loop.run_sync(self.http.close)
        super().tearDown()

    async def _open(self):
        return client.session(timeout=60, connect=60)

    def tokens(self):
        return TokenSource(
            self.http,
            self.base,
            client_id="re:views",
            client_secret="s+ %",
            scope="movies:read",
            clock=self.clock,
        )

    def client(self, **arguments):
        return ServiceClient(self.base, self.http, back_off=0.001, **arguments)


class TestCalls(Case):
    @gen_test
    async def test_an_answer_comes_back_whatever_its_status_below_502(self):
        self.app.planned = [200, 404, 409, 500]

        statuses = [(await self.client().get("/movies/1")).status for _ in range(4)]

        assert statuses == [200, 404, 409, 500]
        assert len(self.app.seen) == 4

    @gen_test
    async def test_a_body_and_a_query_are_sent_and_the_answer_decoded(self):
        answer = await self.client().request("POST", "/movies", body={"title": "M"}, query={"q": "a b"})

        (seen,) = self.app.seen
        assert answer.json(dict) == {"path": "/movies"}
        assert (json.loads(seen.body), seen.arguments["q"]) == ({"title": "M"}, [b"a b"])
        assert seen.headers["Content-Type"] == "application/json"

    @gen_test
    async def test_the_requests_ids_are_handed_on(self):
        trace.enter({"X-Request-ID": "request-1"})
        await self.client().get("/x")
        logs.request_id.set(None)

        (seen,) = self.app.seen
        assert seen.headers["X-Request-ID"] == "request-1"
        assert seen.headers["traceparent"] == logs.traceparent.get()

    @gen_test
    async def test_idempotent_calls_are_tried_three_times(self):
        self.app.planned = [503, 502, 200]

        assert (await self.client().get("/x")).status == 200
        assert len(self.app.seen) == 3

        self.app.planned = [503, 503, 503, 200]
        with pytest.raises(ServiceUnavailable, match="answered 503"):
            await self.client().request("PUT", "/x", body={})
        assert len(self.app.seen) == 6

    @gen_test
    async def test_a_post_is_sent_once_unless_it_carries_an_idempotency_key(self):
        self.app.planned = [503]
        with pytest.raises(ServiceUnavailable):
            await self.client().request("POST", "/x", body={})
        assert len(self.app.seen) == 1

        self.app.planned = [503]
        await self.client().request("POST", "/x", body={}, headers={"Idempotency-Key": "k"})
        assert len(self.app.seen) == 3

    @gen_test
    async def test_a_broken_connection_is_a_failure_like_any_other(self):
        self.app.planned = ["hang up", 200]

        assert (await self.client().get("/x")).status == 200

    @gen_test
    async def test_no_answer_in_time_is_unavailable(self):
        self.app.planned = ["hang"] * 3
        timeout = aiohttp.ClientTimeout(total=0.05)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            with pytest.raises(ServiceUnavailable, match="does not answer"):
                await ServiceClient(self.base, http, back_off=0.001).get("/x")

    @gen_test
    async def test_after_five_failures_in_a_row_calls_fail_at_once_until_a_trial_succeeds(self):
        caller = self.client(breaker=Breaker(clock=self.clock))
        self.app.planned = [503] * 5
        for _ in range(3):
            with pytest.raises(ServiceUnavailable):
                await caller.get("/x")
        with pytest.raises(ServiceUnavailable, match="failed too often"):
            await caller.get("/x")
        assert len(self.app.seen) == 5

        self.clock.now += 5
        assert (await caller.get("/x")).status == 200
        assert (await caller.get("/x")).status == 200


class TestTokens(Case):
    @gen_test
    async def test_a_token_is_fetched_once_for_many_calls_and_sent_with_each(self):
        caller = self.client(tokens=self.tokens())

        await asyncio.gather(*(caller.get("/x") for _ in range(20)))

        (grant,) = self.app.grants
        basic = base64.b64decode(grant.headers["Authorization"].split()[1]).decode()
        assert basic == "re%3Aviews:s%2B+%25"
        form = {"grant_type": ["client_credentials"], "scope": ["movies:read"]}
        assert parse_qs(grant.body.decode()) == form
        assert {seen.headers["Authorization"] for seen in self.app.seen} == {"Bearer t1"}

    @gen_test
    async def test_a_token_is_renewed_before_it_expires(self):
        caller = self.client(tokens=self.tokens())
        await caller.get("/x")
        self.clock.now += 600 * 0.7
        await caller.get("/x")
        self.clock.now += 600 * 0.11
        await caller.get("/x")

        sent = [seen.headers["Authorization"] for seen in self.app.seen]
        assert sent == ["Bearer t1", "Bearer t1", "Bearer t2"]

    @gen_test
    async def test_a_refused_token_is_replaced_once(self):
        caller = self.client(tokens=self.tokens())
        self.app.planned = [401, 200]
        assert (await caller.request("POST", "/x", body={})).status == 200

        self.app.planned = [401, 401, 200]
        assert (await caller.get("/x")).status == 401
        assert [seen.headers["Authorization"][-2:] for seen in self.app.seen] == ["t1", "t2", "t2", "t3"]

    @gen_test
    async def test_an_issuer_that_refuses_or_is_away_is_unavailable(self):
        self.app.issuer_status = 401
        with pytest.raises(ServiceUnavailable, match="the token issuer answered 401"):
            await self.client(tokens=self.tokens()).get("/x")

        away = TokenSource(self.http, "http://127.0.0.1:9", client_id="x", client_secret="y", scope="z")
        with pytest.raises(ServiceUnavailable, match="the token issuer does not answer"):
            await self.client(tokens=away).get("/x")


class TestKeys(Case):
    def verifier(self, issuer):
        return Verifier(key_store(self.http, issuer), issuer=ISSUER, audience="movies")

    @gen_test
    async def test_keys_are_fetched_from_the_issuer(self):
        assert (await self.verifier(self.base).verify(token("", "movies"))).client_id == "tester"

    @gen_test
    async def test_a_redirect_to_other_keys_is_not_followed(self):
        logging.getLogger("chassis.jwks").setLevel(logging.ERROR)
        with pytest.raises(KeysUnavailable):
            await self.verifier(f"{self.base}/moved").verify(token("", "movies"))
