"""The positive model: a body that the service's OpenAPI document does not describe never reaches the service."""

import gzip

import pytest

from tests.gateway.client import JSON
from tests.gateway.conftest import Gateway


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"year": 2000}', "body.title is missing."),
        (b'{"title": ""}', "body.title should have at least 1 characters."),
        (b'{"title": 7}', "body.title should be string."),
        (b'{"title": "x", "year": 2000.5}', "body.year should be integer or null."),
        (b'{"title": "x", "year": 1500}', "body.year should be at least 1888."),
        (b'{"title": "x", "tags": ["a", 1]}', "body.tags[1] should be string."),
        (b'{"title": "x", "tags": ["a", "b", "c", "d"]}', "body.tags should have at most 3 items."),
        (b'{"title": "x", "admin": true}', "body has a key that is not known."),
        (b"[]", "body should be object."),
        (
            b'{"title": "x", "title": "y"}',
            "The body is not JSON that all readers read alike: a key stands twice.",
        ),
        (b'{"title": "x",}', "The body is not JSON that all readers read alike: a key should be a string."),
        (
            b'{"title": "x"} x',
            "The body is not JSON that all readers read alike: something follows the value.",
        ),
        (b"[" * 40 + b"]" * 40, "The body is not JSON that all readers read alike: it is nested too deeply."),
        (
            b'{"title": "a\xff"}',
            "The body is not JSON that all readers read alike: it is not UTF-8.",
        ),
        (b"", "This operation needs a body."),
    ],
)
def test_a_body_that_the_document_does_not_describe_never_arrives(
    gateway: Gateway, body: bytes, detail: str
) -> None:
    answer = gateway.ask("/films", method="POST", headers=JSON, body=body)

    assert (answer.status, answer.json["detail"]) == (400, detail)


@pytest.mark.parametrize(
    "body", [b'{"title": "x", "year": null}', b'{"title": "\\ud83c\\udfac", "tags": []}', b' {"title":"x"}\n']
)
def test_a_body_that_the_document_describes_arrives(gateway: Gateway, body: bytes) -> None:
    answer = gateway.ask("/films", method="POST", headers=JSON, body=body)

    assert answer.json["body"].encode() == body


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"hello", 415),
        ({}, b'{"title": "x"}', 415),
        ({"Content-Type": "application/json; charset=utf-16"}, b'{"title": "x"}', 415),
        ({**JSON, "Content-Encoding": "gzip"}, gzip.compress(b'{"title": "x"}', mtime=0), 415),
        (JSON, b'{"title": "' + b"x" * 70000 + b'"}', 413),
        (JSON, b'{"title": "' + b"x" * 2000000 + b'"}', 413),
    ],
)
def test_a_body_of_another_kind_or_size_is_refused(
    gateway: Gateway, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = gateway.ask("/films", method="POST", headers=headers, body=body)

    assert answer.status == status


def test_a_get_with_a_body_is_refused(gateway: Gateway) -> None:
    assert gateway.ask("/films", headers=JSON, body=b"{}").status == 400
