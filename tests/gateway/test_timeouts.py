"""A service that does not answer costs its caller as many seconds as the settings say, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from docker.models.containers import Container

from tests.gateway.client import JSON, Answer
from tests.gateway.conftest import Gateway

FILM = b'{"title": "x"}'


@pytest.fixture(scope="module")
def deaf(
    start_gateway: Callable[..., Gateway], start_upstream: Callable[[str, list[str]], Container]
) -> Iterator[Gateway]:
    """A gateway before services whose host lets no connection come about."""
    upstream = start_upstream("deaf", ["films.deaf.internal", "opinions.deaf.internal"])
    try:
        while b"deaf" not in upstream.logs():
            time.sleep(0.05)
        yield start_gateway(INTERNAL_DOMAIN="deaf.internal", UPSTREAM_CONNECT_SECONDS="1")
    finally:
        upstream.remove(force=True)


@pytest.fixture(scope="module")
def impatient(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(UPSTREAM_READ_SECONDS="1")


def timed(gateway: Gateway, path: str, method: str) -> tuple[Answer, float]:
    """Return the answer and how many seconds it took."""
    began = time.monotonic()
    body = FILM if method == "POST" else None
    answer = gateway.ask(path, method=method, headers=JSON if body else {}, body=body)
    return answer, time.monotonic() - began


def assert_timeout(answer: Answer) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (504, "application/problem+json")
    assert answer.json["detail"] == "The service did not answer in time."
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_accepts_no_connection_is_given_up_after_two_tries(deaf: Gateway, method: str) -> None:
    answer, seconds = timed(deaf, "/films", method)

    assert_timeout(answer)
    # Nothing was sent, so that a POST may be tried twice as well.
    assert 1.9 < seconds < 3.5


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("POST", 1)])
def test_a_service_that_never_answers_is_asked_twice_at_most_and_for_a_post_once(
    impatient: Gateway, method: str, tries: int
) -> None:
    answer, seconds = timed(impatient, f"/films?wait=20&count={method}", method)

    assert_timeout(answer)
    assert tries - 0.1 < seconds < tries + 1.5
    assert impatient.ask(f"/films?count={method}").json["count"] - 1 == tries


def test_the_line_about_a_timeout_says_how_long_the_service_was_waited_for(impatient: Gateway) -> None:
    answer, _ = timed(impatient, "/films?wait=20", "POST")

    line = impatient.line("access", answer)
    assert (line["status"], line["service"], line["upstream_status"]) == (504, "films", "504")
    assert 0.9 < float(line["upstream_seconds"]) < 2
