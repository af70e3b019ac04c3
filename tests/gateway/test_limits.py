"""Rate and concurrency limits: never one request too many, whatever the workers do at the same time."""

import asyncio
import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.gateway.client import Connection, ask, connect, exchange, request_bytes, statuses
from tests.gateway.conftest import Gateway


async def flood(port: int, request: bytes, *, until: int) -> float:
    """Send a request over 200 connections until that many were admitted; return the seconds from the first sent to then."""
    admitted: list[float] = []
    began = time.monotonic()

    async def work() -> None:
        connection: Connection | None = None
        while len(admitted) < until:
            connection = connection or await connect(port)
            status, stays = await exchange(connection, request)
            if status == 200:
                admitted.append(time.monotonic())
            if not stays:
                connection.close()
                connection = None
        if connection:
            connection.close()

    async with asyncio.timeout(60):
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return admitted[until - 1] - began


def working(gateway: Gateway) -> set[int]:
    """Return the ids of the workers that have answered requests, by the log's word for it, which comes within a second."""
    time.sleep(1.2)
    lines = gateway.container.logs(stdout=True, stderr=False).decode().splitlines()
    return {line["worker"] for line in map(json.loads, lines) if line["kind"] == "access"}


def bearer(client_id: str) -> dict[str, str]:
    claims = base64.urlsafe_b64encode(json.dumps({"client_id": client_id}).encode()).decode().rstrip("=")
    return {"Authorization": f"Bearer eyJhbGciOiJub25lIn0.{claims}.c2lnbmF0dXJl"}


CONNECTIONS = 200


@pytest.fixture(scope="module")
def four_workers(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(WORKERS="4", ADDRESS_RATE="100000")


def test_of_a_burst_over_200_connections_four_workers_admit_exactly_the_limit(four_workers: Gateway) -> None:
    requests = [request_bytes("/seldom", headers=bearer("burst"))] * 2000

    found = statuses(four_workers.port, requests, connections=CONNECTIONS)

    # 100 a minute: no slot is free again before the burst is over, so there is one right number.
    assert (found.count(200), found.count(429)) == (100, 1900)
    assert len(working(four_workers)) > 1


def test_over_seconds_each_slot_is_granted_once_a_window_and_never_twice(four_workers: Gateway) -> None:
    # 20 a second, without a pause: the 80th is due three seconds after the first, as soon as a slot is free for the fourth time.
    seconds = asyncio.run(
        flood(four_workers.port, request_bytes("/films/1/opinions", headers=bearer("steady")), until=80)
    )

    # Never sooner, but for nginx's clock, which stands still while a worker works; later by what a busy machine holds up.
    assert 2.9 <= seconds < 8


def test_a_slot_is_free_again_a_window_after_it_was_taken(four_workers: Gateway) -> None:
    requests = [request_bytes("/films/1/opinions", headers=bearer("refill"))] * 40

    before = statuses(four_workers.port, requests, connections=20)
    time.sleep(1.1)
    after = statuses(four_workers.port, requests, connections=20)

    assert (before.count(200), after.count(200)) == (20, 20)


def test_operations_do_not_share_a_limit(four_workers: Gateway) -> None:
    requests = {
        path: [request_bytes(path, headers=bearer("routes"))] * 120
        for path in ("/seldom", "/rarely", "/films")
    }

    found = {path: statuses(four_workers.port, sent, connections=40) for path, sent in requests.items()}

    assert {path: Counter(each) for path, each in found.items()} == {
        "/seldom": {200: 100, 429: 20},
        "/rarely": {200: 100, 429: 20},
        "/films": {200: 120},
    }


def test_clients_do_not_share_a_limit(four_workers: Gateway) -> None:
    requests = [
        request_bytes("/films/1/opinions", headers=bearer(name)) for name in ("ann", "ben") for _ in range(25)
    ]

    found = statuses(four_workers.port, requests)

    assert found.count(200) == 40


def test_addresses_do_not_share_a_limit(four_workers: Gateway) -> None:
    requests = [
        request_bytes("/films/1/opinions", headers={"X-Forwarded-For": f"203.0.113.{host}"})
        for host in (1, 2)
        for _ in range(25)
    ]

    found = statuses(four_workers.port, requests)

    assert found.count(200) == 40


def test_a_refused_client_is_told_the_policy_and_when_to_come_back(four_workers: Gateway) -> None:
    client = bearer("told")
    answers = [ask(four_workers.port, "/films/1/opinions", headers=client) for _ in range(21)]

    first, last = answers[0], answers[-1]

    assert first.headers["RateLimit-Policy"] == '"default";q=20;w=1'
    assert [re.search(r"r=(\d+)", answer.headers["RateLimit"])[1] for answer in answers] == [  # type: ignore[index]
        *map(str, range(19, -1, -1)),
        "0",
    ]
    assert (last.status, last.headers["Content-Type"]) == (429, "application/problem+json")
    assert last.headers["Retry-After"] == "1"


def test_an_operations_own_limit_is_announced_and_its_wait_is_that_of_the_oldest_slot(
    four_workers: Gateway,
) -> None:
    client = bearer("own")
    first = ask(four_workers.port, "/seldom", headers=client)
    statuses(four_workers.port, [request_bytes("/seldom", headers=client)] * 99, connections=20)

    last = ask(four_workers.port, "/seldom", headers=client)

    assert (first.headers["RateLimit-Policy"], first.headers["RateLimit"]) == (
        '"default";q=100;w=60',
        '"default";r=99;t=60',
    )
    assert last.status == 429
    wait = int(last.headers["Retry-After"])
    assert 30 < wait <= 60
    assert last.headers["RateLimit"] == f'"default";r=0;t={wait}'


def test_a_limit_is_shared_by_the_gateways_tasks(start_gateway: Callable[..., Gateway]) -> None:
    third = start_gateway(GATEWAY_TASKS="3", ADDRESS_RATE="3000")

    seldom = statuses(third.port, [request_bytes("/seldom")] * 120)
    opinions = statuses(third.port, [request_bytes("/films/1/opinions")] * 30)

    # 100 a minute and 20 a second, divided by three and rounded down.
    assert (seldom.count(200), opinions.count(200)) == (33, 6)


def test_one_address_has_a_limit_over_all_paths_whatever_tokens_it_makes_up(
    start_gateway: Callable[..., Gateway],
) -> None:
    strict = start_gateway(ADDRESS_RATE="25")
    requests = [request_bytes("/films", headers=bearer(f"invented-{number}")) for number in range(60)]

    found = statuses(strict.port, requests, connections=60)

    assert found.count(200) <= 50
    assert found.count(429) >= 10


def test_more_requests_under_way_than_a_service_takes_are_shed(start_gateway: Callable[..., Gateway]) -> None:
    narrow = start_gateway(MAX_CONCURRENCY="5", WORKERS="2")

    found = statuses(narrow.port, [request_bytes("/slow?wait=1")] * 12, connections=12)

    assert (found.count(200), found.count(503)) == (5, 7)
    assert statuses(narrow.port, [request_bytes("/slow")]) == [200]
