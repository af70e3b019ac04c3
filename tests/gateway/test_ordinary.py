"""Ordinary traffic is not taken for attacks, and attacks are not taken for ordinary traffic."""

import json
import urllib.parse
from pathlib import Path

from tests.gateway.client import JSON, from_many, request_bytes, statuses
from tests.gateway.conftest import Gateway
from tests.gateway.ordinary import requests

ATTACKS = Path(__file__).parent / "attacks.txt"
VALUES = Path(__file__).parent / "ordinary.txt"
# What cannot be told from an attack: a condition after a number, and the call that loads a module of Node.js.
DOUBTFUL = {"5 and 7 = 12", "require('fs') is node"}


def lines(path: Path) -> list[str]:
    """Return a file's lines, in which line ends stand as backslash and letter."""
    return [line.replace("\\r", "\r").replace("\\n", "\n") for line in path.read_text().splitlines() if line]


def test_of_ordinary_requests_at_most_one_in_a_thousand_is_blocked(generous: Gateway) -> None:
    described, sent = zip(*requests(4000), strict=True)

    found = statuses(generous.port, from_many(sent))

    blocked = [text for text, status in zip(described, found, strict=True) if status == 403]
    assert len(blocked) <= 4, "\n".join(blocked)
    assert set(found) <= {200, 403, 404}


def test_of_attacks_in_queries_and_in_json_nearly_all_are_blocked(generous: Gateway) -> None:
    attacks = lines(ATTACKS)
    queries = [request_bytes(f"/?q={urllib.parse.quote(attack)}") for attack in attacks]

    found = statuses(generous.port, queries)

    missed = [attack for attack, status in zip(attacks, found, strict=True) if status != 403]
    assert len(missed) <= len(attacks) * 0.02, "\n".join(missed)


def test_ordinary_values_pass_as_queries_and_as_reviews(generous: Gateway) -> None:
    values = lines(VALUES)
    sent = [request_bytes(f"/?q={urllib.parse.quote(value)}") for value in values]
    sent += [
        request_bytes(
            "/films/1/opinions", method="POST", headers=JSON, body=json.dumps({"text": value}).encode()
        )
        for value in values
    ]

    found = statuses(generous.port, from_many(sent))

    blocked = {value for value, status in zip(values * 2, found, strict=True) if status == 403}
    assert blocked <= DOUBTFUL
    assert found.count(429) == 0
