"""Requests that are sent slower than anybody can wait: they end, are told why, and hold nothing."""

import asyncio
import contextlib
import itertools

import pytest
from tornado import httputil
from tornado.testing import AsyncHTTPTestCase

from chassis import shedding, web
from chassis.bodies import BoundedBody
from chassis.serve import http_server

SOON = 0.4  # seconds
NEVER = 600.0  # seconds: longer than any test waits
PATIENCE = 60.0  # seconds for what never ends by itself
HEAD = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SIZED, CHUNKED = b"Content-Length: 900000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Return what came until the connection ended; a server that closes while it is sent to, ends it with a reset."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            parts.append(part)
    return b"".join(parts)


class Things(web.Handler):
    async def post(self):
        self.application.ran.append(self.request.body)
        self.send({}, 201)


class Case(AsyncHTTPTestCase):
    """A server that waits so many seconds for a body, and for a request's headers."""

    body, idle = NEVER, NEVER

    def get_app(self):
        limits = shedding.Limits(body=self.body)
        app = web.application([("/things", Things)], web.Dependencies(service="things"), limits=limits)
        app.ran = []
        return app

    def get_http_server(self):
        return http_server(self._app, idle=self.idle)

    def told(self, head: bytes, drops) -> tuple[bytes, float]:
        """Send the head, then a drop after the other until the server closes; return all that came, and the seconds."""

        async def trickle() -> tuple[bytes, float]:
            began = asyncio.get_running_loop().time()
            reader, writer = await asyncio.open_connection("127.0.0.1", self.get_http_port())
            reading = asyncio.create_task(everything(reader))
            with contextlib.suppress(ConnectionError):
                for drop in itertools.chain([head], drops):
                    if reading.done():
                        break
                    writer.write(drop)
                    await writer.drain()
                    await asyncio.wait({reading}, timeout=0.05)
            answer = await reading
            writer.close()
            return answer, asyncio.get_running_loop().time() - began

        return self.io_loop.run_sync(trickle, timeout=PATIENCE)


class TestSlowBodies(Case):
    body = SOON

    def test_a_body_that_trickles_is_answered_with_408_and_the_connection_closed(self):
        answer, seconds = self.told(HEAD + SIZED, itertools.repeat(b"x"))

        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        assert b"\r\nContent-Type: application/problem+json\r\n" in answer
        assert b"the body should arrive within 0.4 seconds" in answer
        assert seconds >= SOON

    def test_a_body_in_chunks_that_never_ends_is_given_up_as_well(self):
        answer, _ = self.told(HEAD + CHUNKED, itertools.repeat(b"1\r\nx\r\n"))

        assert answer.startswith(b"HTTP/1.1 408 ")

    def test_the_handler_of_such_a_request_never_runs_and_nothing_stays_in_flight(self):
        self.told(HEAD + SIZED, itertools.repeat(b"x"))

        assert self._app.ran == []
        assert self._app.in_flight == set()


class TestSlowHeaders(Case):
    idle = SOON

    def test_headers_that_never_end_end_the_connection(self):
        answer, seconds = self.told(HEAD, itertools.repeat(b"X-Slow: 1\r\n"))

        assert answer == b""
        assert seconds >= SOON
        assert (self._app.ran, self._app.in_flight) == ([], set())


class TestSlowAndInTime(Case):
    def test_a_body_that_is_slow_and_in_time_is_taken_and_the_connection_stays(self):
        sized = b"Content-Length: 20\r\n\r\n"
        another = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        answer, _ = self.told(HEAD + sized, [b"x" * 10, b"y" * 10, another])

        assert self._app.ran == [b"x" * 10 + b"y" * 10]
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"HTTP/1.1 404 " in answer

    def test_who_breaks_off_in_the_middle_is_forgotten(self):
        async def leave():
            _, writer = await asyncio.open_connection("127.0.0.1", self.get_http_port())
            writer.write(HEAD + SIZED + b"x")
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        self.io_loop.run_sync(leave)
        after = self.fetch("/health/live")

        assert after.code == 200
        assert (self._app.ran, self._app.in_flight) == ([], set())
        assert self._app.measures.requests.total() == 0


class Leaping(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self):
        return super().time() + self.ahead


@pytest.mark.parametrize(
    ("end", "given_up"), [(None, 1), (BoundedBody.finish, 0), (BoundedBody.on_connection_close, 0)]
)
def test_a_body_is_given_up_when_its_time_is_over_unless_it_came_or_its_sender_left(end, given_up):
    calls = []

    async def scenario():
        body = BoundedBody(
            httputil.HTTPMessageDelegate(),
            seconds=NEVER,
            too_late=lambda: calls.append("given up"),
            most=10,
            too_large=lambda: calls.append("too large"),
        )
        body.data_received(b"x")
        if end:
            end(body)
        asyncio.get_running_loop().ahead += NEVER + 1
        for _ in range(3):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=Leaping) as runner:
        runner.run(scenario())

    assert len(calls) == given_up


def test_a_body_that_was_given_up_is_handed_on_no_more_and_given_up_once():
    handed_on, calls = [], []

    class Delegate(httputil.HTTPMessageDelegate):
        def data_received(self, chunk):
            handed_on.append(chunk)

        def finish(self):
            handed_on.append("the end")

    async def scenario():
        body = BoundedBody(
            Delegate(),
            seconds=NEVER,
            too_late=lambda: calls.append("too late"),
            most=10,
            too_large=lambda: calls.append("too large"),
        )
        for chunk in (b"x" * 10, b"y", b"z"):
            body.data_received(chunk)
        body.finish()
        asyncio.get_running_loop().ahead += NEVER + 1
        for _ in range(3):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=Leaping) as runner:
        runner.run(scenario())

    assert (handed_on, calls) == ([b"x" * 10], ["too large"])
