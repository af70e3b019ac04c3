"""What the gateway does with a request that is no attack: routes, services that fail, errors of its own."""

import json
import socket
from collections.abc import Callable

import pytest

from tests.gateway.client import JSON, Answer, ask_raw, request_bytes
from tests.gateway.conftest import Gateway


def problem(answer: Answer) -> tuple[int, str, str]:
    document = answer.json
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert document["status"] == answer.status
    return answer.status, document["title"], document.get("detail", "")


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/films", "films"),
        ("/films/7?x=1", "films"),
        ("/films/7/opinions", "opinions"),
        ("/limited", "opinions"),
    ],
)
def test_a_path_goes_to_the_service_whose_manifest_claims_it(
    gateway: Gateway, path: str, service: str
) -> None:
    answer = gateway.ask(path)

    assert answer.status == 200
    assert answer.json["path"] == path
    assert answer.json["headers"]["Host"] == f"{service}.test.internal"


def test_the_health_of_the_edge_is_its_own(gateway: Gateway) -> None:
    answer = gateway.ask("/health")

    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "path",
    [
        "/page/", "/page/index.html",
        "/nothing", "/films/", "/films/seven", "/films/1/2", "/FILMS", "/films%2f7", "//films", "/films/7;x",
        "/health/live", "/health/ready", "/_problem", "/metrics", "/films/%37",
    ],
)  # fmt: skip
def test_what_no_route_names_is_not_there(gateway: Gateway, path: str) -> None:
    answer = gateway.ask(path)

    assert problem(answer) == (404, "Not Found", "There is nothing at this path.")


def test_a_method_that_the_document_does_not_name_is_refused_with_those_it_does(gateway: Gateway) -> None:
    answer = gateway.ask("/films/7", method="PATCH")

    assert problem(answer)[:2] == (405, "Method Not Allowed")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/films/7?x=1", "DELETE, GET, HEAD, PUT"), ("/films/7/opinions", "GET, HEAD, POST"),
        ("/", "GET, HEAD"), ("/page/page.js", "GET, HEAD"), ("/health", "GET, HEAD"),
    ],
)  # fmt: skip
def test_a_method_that_the_server_itself_refuses_is_told_what_the_path_allows(
    gateway: Gateway, method: str, path: str, allowed: str
) -> None:
    answer = ask_raw(gateway.port, request_bytes(path, method=method))

    assert problem(answer) == (405, "Method Not Allowed", f"This path allows {allowed}.")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("method", ["TRACE", "PATCH"])
def test_where_nothing_is_no_method_finds_something_and_an_attack_is_one_with_any(
    gateway: Gateway, method: str
) -> None:
    nothing = ask_raw(gateway.port, request_bytes("/nothing", method=method))
    attack = ask_raw(gateway.port, request_bytes("/films?x=1%20union%20select%201,2", method=method))
    hidden = ask_raw(
        gateway.port, request_bytes("/films", method=method, headers={"X-Search": "<script>alert(1)"})
    )

    assert problem(nothing)[0] == 404
    assert "Allow" not in nothing.headers
    assert [problem(answer)[0] for answer in (attack, hidden)] == [403, 403]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_health_of_the_edge_is_only_read(gateway: Gateway, method: str) -> None:
    answer = gateway.ask("/health", method=method)

    assert problem(answer)[0] == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_head_is_answered_from_get_without_a_body(gateway: Gateway) -> None:
    answer = gateway.ask("/films/7", method="HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_a_body_reaches_the_service_as_it_was_sent(gateway: Gateway) -> None:
    body = json.dumps({"title": "Amélie", "year": 2001}, ensure_ascii=False).encode()

    answer = gateway.ask("/films", method="POST", headers=JSON, body=body)

    assert answer.status == 200
    assert answer.json["body"].encode("latin-1") == body


def test_what_a_failing_service_says_stays_inside(gateway: Gateway) -> None:
    answer = gateway.ask("/films?status=500&say=Traceback+of+psycopg")

    assert problem(answer)[:2] == (500, "Internal Server Error")
    assert b"Traceback" not in answer.body


def test_what_a_failing_service_has_compressed_stays_inside_too(gateway: Gateway) -> None:
    answer = gateway.ask(
        "/films?status=500&gzip=1&tag=1&say=Traceback+of+psycopg", headers={"Accept-Encoding": "gzip"}
    )

    assert problem(answer)[:2] == (500, "Internal Server Error")
    assert "Content-Encoding" not in answer.headers
    assert "ETag" not in answer.headers


def test_a_services_own_refusal_is_passed_on(gateway: Gateway) -> None:
    answer = gateway.ask("/films?status=422&say=its+own+words")

    assert (answer.status, answer.body) == (422, b"its own words")


def test_a_get_is_tried_again_when_a_service_hangs_up_and_a_post_is_not(gateway: Gateway) -> None:
    gateway.ask("/films?hangup=1&count=get")
    gateway.ask("/films?hangup=1&count=post", method="POST", headers=JSON, body=b'{"title": "x"}')

    tries = {key: gateway.ask(f"/films?count={key}").json["count"] - 1 for key in ("get", "post")}

    # A kept connection that turns out to be closed is not counted as a try.
    assert tries["get"] in (2, 3)
    assert tries["post"] == 1


def test_connections_to_a_service_are_kept(gateway: Gateway) -> None:
    before = gateway.ask("/films").json["connections"]
    for _ in range(20):
        gateway.ask("/films")

    after = gateway.ask("/films").json["connections"]

    assert after - before <= 4


def test_a_service_that_is_nowhere_is_unavailable_for_now(start_gateway: Callable[..., Gateway]) -> None:
    lost = start_gateway(INTERNAL_DOMAIN="nowhere.internal")

    answer = lost.ask("/films")

    assert problem(answer)[:2] == (503, "Service Unavailable")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /films HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /films HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 40000 + b"\r\n\r\n", 431),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (
            b"POST /films HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
        (b"GET /films HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /films HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n", 400),
    ],
)
def test_what_the_server_itself_refuses_is_a_problem_document_too(
    gateway: Gateway, request_: bytes, status: int
) -> None:
    answer = ask_raw(gateway.port, request_)

    assert problem(answer)[0] == status


def test_a_target_in_absolute_form_is_routed_by_its_path_and_to_nobody_else(gateway: Gateway) -> None:
    answer = ask_raw(gateway.port, b"GET http://evil.example/films HTTP/1.1\r\nHost: gateway\r\n\r\n")

    assert (answer.status, answer.json["headers"]["Host"]) == (200, "films.test.internal")


def test_a_request_without_a_version_is_refused(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(b"GET /films\r\n")
        said = connection.makefile("rb").read()

    assert b"films.test.internal" not in said
    assert b'"status":400' in said


def test_requests_on_one_connection_do_not_mix(gateway: Gateway) -> None:
    first = ask_raw(gateway.port, request_bytes("/films/1") + request_bytes("/nothing"))

    assert first.json["path"] == "/films/1"
