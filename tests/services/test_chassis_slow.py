"""Requests that are sent slower than anybody can wait: they end, are told why, and hold nothing."""

import asyncio
import contextlib

from chassis import shedding, web
from chassis.serve import http_server
from chassis.testing import ServiceTestCase

BODY, IDLE = 0.4, 0.8  # seconds
HEAD = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SIZED, CHUNKED = b"Content-Length: 20\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"


class Things(web.Handler):
    async def post(self):
        self.application.ran.append(self.request.body)
        self.send({}, 201)


class TestSlowRequests(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        limits = shedding.Limits(body=BODY)
        app = web.application([("/things", Things)], web.Dependencies(service="things"), limits=limits)
        app.ran = []
        return app

    def get_http_server(self):
        return http_server(self._app, idle=IDLE)

    def told(self, head: bytes, *drops: bytes, pause: float = 0.05) -> tuple[bytes, float]:
        """Send the head and then the drops slowly; return all that came before the server closed, and the seconds."""

        async def trickle() -> tuple[bytes, float]:
            began = asyncio.get_running_loop().time()
            reader, writer = await asyncio.open_connection("127.0.0.1", self.get_http_port())
            reading = asyncio.create_task(reader.read())
            with contextlib.suppress(ConnectionError):
                for drop in (head, *drops):
                    writer.write(drop)
                    await writer.drain()
                    await asyncio.wait({reading}, timeout=pause)
            answer = await asyncio.wait_for(reading, 5)
            writer.close()
            return answer, asyncio.get_running_loop().time() - began

        return self.io_loop.run_sync(trickle, timeout=20)

    def test_a_body_that_trickles_is_answered_with_408_and_the_connection_closed(self):
        answer, seconds = self.told(HEAD + SIZED, *[b"x"] * 15)

        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        assert b"\r\nContent-Type: application/problem+json\r\n" in answer
        assert b"the body should arrive within 0.4 seconds" in answer
        assert BODY <= seconds < BODY + 0.3

    def test_a_body_in_chunks_that_never_ends_is_given_up_as_well(self):
        answer, _ = self.told(HEAD + CHUNKED, *[b"1\r\nx\r\n"] * 15)

        assert answer.startswith(b"HTTP/1.1 408 ")

    def test_the_handler_of_such_a_request_never_runs_and_nothing_stays_in_flight(self):
        self.told(HEAD + SIZED, *[b"x"] * 15)

        assert self._app.ran == []
        assert self._app.in_flight == set()

    def test_who_breaks_off_in_the_middle_is_forgotten(self):
        async def leave():
            _, writer = await asyncio.open_connection("127.0.0.1", self.get_http_port())
            writer.write(HEAD + SIZED + b"x")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.sleep(BODY + 0.1)

        self.io_loop.run_sync(leave)

        assert (self._app.ran, self._app.in_flight) == ([], set())
        assert self._app.measures.requests.total() == 0

    def test_a_body_that_is_slow_and_in_time_is_taken_and_the_connection_stays(self):
        body = b"x" * 20
        rest = [b""] * 10  # silence for longer than a body may take
        another = b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        answer, _ = self.told(HEAD + SIZED, body[:10], body[10:], *rest, another)

        assert self._app.ran == [body]
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"HTTP/1.1 404 " in answer

    def test_headers_that_never_end_end_the_connection(self):
        answer, seconds = self.told(HEAD, *[b"X-Slow: 1\r\n"] * 30)

        assert answer == b""
        assert IDLE <= seconds < IDLE + 0.3
        assert (self._app.ran, self._app.in_flight) == ([], set())
