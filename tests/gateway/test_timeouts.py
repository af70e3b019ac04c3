"""A service that does not answer costs its caller as many seconds as the settings say, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from docker.models.containers import Container

from tests.gateway.client import JSON, Answer
from tests.gateway.conftest import Gateway


@dataclass(frozen=True)
class Timed:
    """An answer, the access line about it, and how many seconds it took to come."""

    answer: Answer
    line: dict[str, Any]
    seconds: float


def asked(gateway: Gateway, path: str) -> dict[str, Timed]:
    """Return what GET and POST got, both asked at the same time; `{}` in the path is the method."""

    def ask(method: str) -> Timed:
        body = b'{"title": "x"}' if method == "POST" else None
        began = time.monotonic()
        answer = gateway.ask(path.format(method), method=method, headers=JSON if body else {}, body=body)
        seconds = time.monotonic() - began
        return Timed(answer, gateway.line("access", answer), seconds)

    methods = ("GET", "POST")
    with ThreadPoolExecutor(len(methods)) as pool:
        return dict(zip(methods, pool.map(ask, methods), strict=True))


@pytest.fixture(scope="module")
def deaf(
    start_gateway: Callable[..., Gateway], start_upstream: Callable[[str, list[str]], Container]
) -> Iterator[dict[str, Timed]]:
    """What the gateway answers for services whose host lets no connection come about."""
    upstream = start_upstream("deaf", ["films.deaf.internal", "opinions.deaf.internal"])
    try:
        while b"deaf" not in upstream.logs():
            time.sleep(0.05)
        yield asked(start_gateway(INTERNAL_DOMAIN="deaf.internal", UPSTREAM_CONNECT_SECONDS="1"), "/films")
    finally:
        upstream.remove(force=True)


@pytest.fixture(scope="module")
def impatient(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(UPSTREAM_READ_SECONDS="1")


@pytest.fixture(scope="module")
def silent(impatient: Gateway) -> dict[str, Timed]:
    """What the gateway answers for a service that takes twenty seconds, each method counted by itself."""
    return asked(impatient, "/films?wait=20&count={}")


def assert_timeout(answer: Answer) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (504, "application/problem+json")
    assert answer.json["detail"] == "The service did not answer in time."
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_service_that_accepts_no_connection_is_given_up_after_two_tries(
    deaf: dict[str, Timed], method: str
) -> None:
    assert_timeout(deaf[method].answer)
    # Nothing was sent, so that a POST may be tried twice as well.
    assert deaf[method].line["upstream_status"] == "504, 504"
    assert deaf[method].seconds > 1.9


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("POST", 1)])
def test_a_service_that_never_answers_is_asked_twice_at_most_and_for_a_post_once(
    impatient: Gateway, silent: dict[str, Timed], method: str, tries: int
) -> None:
    assert_timeout(silent[method].answer)
    # It would have answered after twenty.
    assert tries - 0.1 < silent[method].seconds < 15
    assert impatient.ask(f"/films?count={method}").json["count"] - 1 == tries


def test_the_line_about_a_timeout_says_how_long_the_service_was_waited_for(silent: dict[str, Timed]) -> None:
    line = silent["POST"].line

    assert (line["status"], line["service"], line["upstream_status"]) == (504, "films", "504")
    assert 0.9 < float(line["upstream_seconds"]) < 15
