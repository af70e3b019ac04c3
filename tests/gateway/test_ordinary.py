"""Ordinary traffic is not taken for attacks, and attacks are not taken for ordinary traffic."""

import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateway.client import request_bytes, statuses
from tests.gateway.conftest import Gateway
from tests.gateway.ordinary import requests

ATTACKS = Path(__file__).parent / "attacks.txt"


@pytest.fixture(scope="module")
def generous(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(ADDRESS_RATE="100000", WORKERS="2")


def test_of_ordinary_requests_at_most_one_in_a_thousand_is_blocked(generous: Gateway) -> None:
    described, sent = zip(*requests(4000), strict=True)

    found = statuses(generous.port, sent)

    blocked = [text for text, status in zip(described, found, strict=True) if status == 403]
    assert len(blocked) <= 4, "\n".join(blocked)
    assert set(found) <= {200, 403, 404}


def test_of_attacks_in_queries_and_in_json_nearly_all_are_blocked(generous: Gateway) -> None:
    attacks = [
        line.replace("\\r", "\r").replace("\\n", "\n") for line in ATTACKS.read_text().splitlines() if line
    ]
    queries = [request_bytes(f"/?q={urllib.parse.quote(attack)}") for attack in attacks]

    found = statuses(generous.port, queries)

    missed = [attack for attack, status in zip(attacks, found, strict=True) if status != 403]
    assert len(missed) <= len(attacks) * 0.02, "\n".join(missed)
