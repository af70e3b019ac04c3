"""Which answers of a service are compressed, for whom, and that everything else about them stays true."""

from __future__ import annotations

import gzip

import pytest

from tests.gateway.client import JSON, Answer
from tests.gateway.conftest import Gateway

GZIP = {"Accept-Encoding": "gzip"}
SAID = b"a film, " * 250
LONG = f"/films?say={SAID.decode().replace(' ', '+')}&tag=1"
BEARER = {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"}
FILM = b'{"title": "x"}'


def is_compressed(answer: Answer) -> bool:
    return answer.headers.get("Content-Encoding") == "gzip"


@pytest.mark.parametrize("credentials", [{}, BEARER], ids=["nobody", "a bearer"])
def test_a_long_answer_is_compressed_for_who_can_read_that_and_says_the_same(
    gateway: Gateway, credentials: dict[str, str]
) -> None:
    plain = gateway.ask(LONG, headers=credentials)
    packed = gateway.ask(LONG, headers={**credentials, **GZIP})

    assert (is_compressed(plain), is_compressed(packed)) == (False, True)
    assert plain.body == SAID
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    for answer in (plain, packed):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "br"},
        {**GZIP, "Cookie": "session=1"}, {**GZIP, "Cookie": "theme=dark", **BEARER},
        {**GZIP, "Authorization": "Basic YW5hOnNlY3JldA=="}, {**GZIP, "Authorization": "Negotiate YIIabcdefgh"},
    ],
)  # fmt: skip
def test_nothing_is_compressed_for_who_did_not_ask_or_comes_with_what_a_browser_sends_by_itself(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    answer = gateway.ask(LONG, headers=headers)

    assert answer.status == 200
    assert not is_compressed(answer)
    assert answer.body == SAID


def test_the_service_is_not_asked_to_compress_for_what_a_browser_sends_by_itself(gateway: Gateway) -> None:
    with_cookie = gateway.ask("/films", headers={**GZIP, "Cookie": "session=1"})
    without = gateway.ask("/films", headers=GZIP)

    assert "Accept-Encoding" not in with_cookie.json["headers"]
    assert without.json["headers"]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/films?say=short", f"/films?say={'x' * 1000}"])
def test_a_short_answer_is_sent_as_it_is(gateway: Gateway, path: str) -> None:
    answer = gateway.ask(path, headers=GZIP)

    assert not is_compressed(answer)
    assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_a_refusal_is_compressed_only_where_it_is_long_and_the_gateways_own_is_short(
    gateway: Gateway,
) -> None:
    long = gateway.ask(f"{LONG}&status=404", headers=GZIP)
    own = gateway.ask("/nothing", headers=GZIP)

    assert (is_compressed(long), is_compressed(own)) == (True, False)
    assert own.json["status"] == 404


def test_the_tag_of_a_compressed_answer_is_weak_and_works_as_the_strong_one_does(gateway: Gateway) -> None:
    tag = gateway.ask(LONG, headers=GZIP).headers["ETag"]

    assert tag == 'W/"v3"'
    assert gateway.ask(LONG).headers["ETag"] == '"v3"'
    for known in (tag, '"v3"'):
        unchanged = gateway.ask(LONG, headers={**GZIP, "If-None-Match": known})
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert not is_compressed(unchanged)
    changes = [
        gateway.ask("/films/7?tag=1", method="PUT", headers={**JSON, "If-Match": known}, body=FILM).status
        for known in (tag, '"v3"', 'W/"v2"')
    ]
    assert changes == [200, 200, 412]


@pytest.mark.parametrize("headers", [{}, GZIP, {**GZIP, "Cookie": "session=1"}])
def test_head_says_what_get_says_and_has_no_body(gateway: Gateway, headers: dict[str, str]) -> None:
    told = ("Content-Encoding", "Content-Type", "ETag", "Vary")

    get, head = (gateway.ask(LONG, method=method, headers=headers) for method in ("GET", "HEAD"))

    assert (head.status, head.body) == (200, b"")
    assert [head.headers.get(name) for name in told] == [get.headers.get(name) for name in told]
    assert head.headers.get("Content-Length") == (None if is_compressed(get) else str(len(SAID)))


def test_what_a_service_has_compressed_itself_is_not_compressed_again(gateway: Gateway) -> None:
    answer = gateway.ask(f"{LONG}&gzip=1", headers=GZIP)

    assert is_compressed(answer)
    assert gzip.decompress(answer.body) == SAID


def test_messagepack_is_compressed_as_json_is_and_caches_are_told_of_both_choices(gateway: Gateway) -> None:
    negotiated = f"{LONG}&kind=application/msgpack&vary=Accept"

    plain, packed = gateway.ask(negotiated), gateway.ask(negotiated, headers=GZIP)

    assert (is_compressed(plain), is_compressed(packed)) == (False, True)
    assert gzip.decompress(packed.body) == plain.body == SAID
    assert packed.headers["Content-Type"] == "application/msgpack"
    for answer in (plain, packed):
        assert set(answer.headers["Vary"].split(", ")) == {"Accept", "Accept-Encoding"}


def test_a_client_may_say_which_form_of_an_answer_it_likes_best(gateway: Gateway) -> None:
    accept = "application/msgpack, application/json;q=0.9, */*;q=0.1"

    assert gateway.ask("/films", headers={"Accept": accept}).json["headers"]["Accept"] == accept
