"""The handler base: JSON in and out, every error a problem, ids echoed."""

import asyncio
import json
import re
import socket

import msgspec

from chassis import testing, web
from chassis.auth import authenticated
from chassis.database import Database
from chassis.problems import ProblemError
from chassis.schema import schema
from chassis.testing import ServiceTestCase, token


class Thing(msgspec.Struct):
    name: str
    sizes: list[int] = []


class Filter(msgspec.Struct):
    limit: int = 10


class Things(web.Handler):
    def get(self):
        self.send({"limit": self.query(Filter).limit})

    async def post(self):
        thing = self.body(Thing)
        self.send(thing, 201, headers={"Location": f"/things/{thing.name}"})

    @authenticated(scope="things:write")
    async def delete(self):
        self.send({"client": self.claims.client_id}, 200)


class Broken(web.Handler):
    def get(self):
        raise RuntimeError("the password is hunter22")

    def post(self):
        raise ProblemError(409, "Taken", "the name is taken", name="x")


class Slow(web.Handler):
    async def get(self):
        await asyncio.sleep(0.2)
        self.send({"request": self._headers["X-Request-ID"]})


class Case(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        dependencies = web.Dependencies(
            service="things",
            database=Database(database_url),
            verifier=testing.verifier("things"),
            schema=schema("tokens"),
        )
        routes = [("/things", Things), ("/broken", Broken), ("/slow", Slow)]
        return web.application(routes, dependencies, max_body=2048)


class TestJson(Case):
    def test_a_body_is_decoded_and_the_answer_encoded(self):
        answer = self.call("POST", "/things", {"name": "boat", "sizes": [1]})

        assert answer.status == 201
        assert answer.headers["Location"] == "/things/boat"
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json == {"name": "boat", "sizes": [1]}

    def test_a_body_that_does_not_fit_is_422_with_a_pointer(self):
        answer = self.call("POST", "/things", {"name": "boat", "sizes": [1, "two"]})

        assert answer.status == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json == {
            "title": "Unprocessable Content" if "Content" in answer.json["title"] else "Unprocessable Entity",
            "status": 422,
            "detail": "the body is not what this resource takes",
            "errors": [{"detail": "Expected 'int', got 'str'", "pointer": "#/sizes/1"}],
        }

    def test_a_body_that_is_no_json_is_400(self):
        for body in (b"", b"{", b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "x", "more": ' + b"[" * 1500):
            with self.subTest(body=body[:10]):
                assert self.call("POST", "/things", body).status == 400

    def test_a_body_of_another_type_is_415(self):
        answer = self.call("POST", "/things", b"name=boat", content_type="application/x-www-form-urlencoded")

        assert (answer.status, answer.json["status"]) == (415, 415)

    def test_a_query_is_converted_and_a_wrong_or_repeated_one_refused(self):
        assert self.call("GET", "/things?limit=3").json == {"limit": 3}
        assert self.call("GET", "/things?limit=three").status == 400
        assert self.call("GET", "/things?limit=3&limit=4").status == 400

    def test_head_answers_as_get_without_a_body(self):
        answer = self.call("HEAD", "/things")

        assert (answer.status, answer.body) == (200, b"")

    def test_an_unchanged_answer_is_304(self):
        etag = self.call("GET", "/things").headers["Etag"]

        assert self.call("GET", "/things", headers={"If-None-Match": etag}).status == 304


class TestProblems(Case):
    def test_an_unknown_path_is_a_problem(self):
        answer = self.call("GET", "/nothing")

        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json == {
            "title": "Not Found",
            "status": 404,
            "detail": "there is nothing at this address",
        }

    def test_a_wrong_method_is_a_problem_that_names_the_right_ones(self):
        answer = self.call("PUT", "/things", {})

        assert (answer.status, answer.json) == (405, {"title": "Method Not Allowed", "status": 405})
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, POST"

    def test_an_unexpected_error_tells_the_client_nothing_but_the_request_id(self):
        answer = self.call("GET", "/broken", headers={"X-Request-ID": "request-77"})

        assert answer.status == 500
        assert answer.json == {"title": "Internal Server Error", "status": 500, "request_id": "request-77"}

    def test_a_problem_keeps_its_own_members(self):
        answer = self.call("POST", "/broken", {})

        assert answer.status == 409
        assert answer.json == {"title": "Taken", "status": 409, "detail": "the name is taken", "name": "x"}

    def test_a_body_announced_too_large_is_413_before_it_is_sent(self):
        with socket.create_connection(("127.0.0.1", self.get_http_port())) as connection:
            head = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
            connection.sendall(head + b"x" * 100)
            answer = self.io_loop.run_sync(lambda: asyncio.to_thread(_read_all, connection))

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 413

    def test_a_body_just_within_the_limit_is_read(self):
        assert self.call("POST", "/things", {"name": "x" * 2000}).status == 201
        assert self.call("POST", "/things", {"name": "x" * 2100}).status == 413

    def test_a_body_in_chunks_that_turns_out_too_large_is_413_as_well_and_the_handler_never_sees_it(self):
        head = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        whole = json.dumps({"name": "x" * 2000}).encode()
        for body, status in ((whole, 201), (whole + b" " * 100, 413), (whole + b" " * 300_000, 413)):
            chunks = b"".join(
                b"%x\r\n%b\r\n" % (len(part), part)
                for part in (body[at : at + 500] for at in range(0, len(body), 500))
            )
            with socket.create_connection(("127.0.0.1", self.get_http_port())) as connection:
                told = _told(connection, head + chunks + b"0\r\n\r\n")
                answer = self.io_loop.run_sync(lambda told=told: told)

            assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
            assert json.loads(answer.partition(b"\r\n\r\n")[2]).get("status", 201) == status
        assert self._app.in_flight == set()

    def test_ids_are_echoed_on_answers_and_on_problems(self):
        for path in ("/things", "/nothing"):
            answer = self.call("GET", path, headers={"X-Request-ID": "request-1"})

            assert answer.headers["X-Request-ID"] == "request-1"
            assert answer.headers["traceparent"].startswith("00-")

    def test_requests_side_by_side_keep_their_own_ids(self):
        async def both():
            headers = [{"X-Request-ID": f"request-{number}"} for number in (1, 2)]
            calls = [self.http_client.fetch(self.get_url("/slow"), headers=one) for one in headers]
            return [json.loads(answer.body)["request"] for answer in await asyncio.gather(*calls)]

        assert self.io_loop.run_sync(both) == ["request-1", "request-2"]

    def test_the_server_does_not_name_its_software(self):
        assert "Server" not in self.call("GET", "/things").headers


class TestAuthenticated(Case):
    def test_a_token_with_the_scope_is_let_in(self):
        answer = self.call("DELETE", "/things", token=token("things:read things:write", "things"))

        assert (answer.status, answer.json) == (200, {"client": "tester"})

    def test_no_token_is_401_with_a_bare_challenge(self):
        answer = self.call("DELETE", "/things")

        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="things"'

    def test_a_bad_token_is_401_invalid_token(self):
        answer = self.call("DELETE", "/things", token="x.y.z")

        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="things", error="invalid_token"'

    def test_a_token_without_the_scope_is_403(self):
        for scopes in ("things:read", "", "things:writer", "xthings:write"):
            answer = self.call("DELETE", "/things", token=token(scopes, "things"))

            assert answer.status == 403
            assert answer.headers["WWW-Authenticate"] == (
                'Bearer realm="things", error="insufficient_scope", scope="things:write"'
            )

    def test_the_scheme_may_be_in_lower_case_but_stands_once(self):
        good = token("things:write", "things")

        assert self.call("DELETE", "/things", headers={"Authorization": f"bearer {good}"}).status == 200
        assert self.call("DELETE", "/things", headers={"Authorization": f"Basic {good}"}).status == 401
        assert self.call("DELETE", f"/things?access_token={good}").status == 401

    def test_two_authorization_headers_are_401(self):
        good = token("things:write", "things").encode()
        with socket.create_connection(("127.0.0.1", self.get_http_port())) as connection:
            line = b"Authorization: Bearer " + good + b"\r\n"
            connection.sendall(
                b"DELETE /things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line * 2 + b"\r\n"
            )
            answer = self.io_loop.run_sync(lambda: asyncio.to_thread(_read_all, connection))

        assert answer.startswith(b"HTTP/1.1 401 ")


async def _told(connection: socket.socket, request: bytes) -> bytes:
    """Send the request, as much of it as is taken, and return the answer, which is read meanwhile."""
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    body = await reader.readexactly(length)
    writer.close()
    return head + body


def _read_all(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
