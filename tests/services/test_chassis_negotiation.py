"""MessagePack for who prefers it (RFC 9110, 12.5.1): the same value, its own entity tag; JSON for everybody else."""

from datetime import UTC, datetime

import msgspec
import pytest

from chassis import etags, negotiation, web
from chassis.problems import ProblemError
from chassis.testing import ServiceTestCase

JSON, MSGPACK = negotiation.JSON, negotiation.MSGPACK


@pytest.mark.parametrize(
    "accept",
    [
        None, "", "*/*", "application/json", "application/*", "text/html", "text/html, */*;q=0.8", "nonsense", ",",
        "application/json, application/msgpack", "application/msgpack, application/json", "application/msgpack, */*",
        "application/msgpack;q=0.5, application/json;q=0.5", "application/msgpack;q=0.5, */*;q=0.6",
        "application/msgpack;q=0", "application/msgpack;q=0, text/html", "application/msgpack;q=2",
        "application/msgpack;q=high", "application/msgpack;q=0.1234", "application/x-msgpack",
    ],
)  # fmt: skip
def test_json_is_for_who_does_not_like_msgpack_better(accept):
    assert negotiation.chosen(accept) == JSON


@pytest.mark.parametrize(
    "accept",
    [
        "application/msgpack", "APPLICATION/MsgPack", "application/msgpack, application/json;q=0.9",
        "application/json;q=0.9,application/msgpack", "application/msgpack;q=0.001", "application/msgpack ; q=1.000",
        "text/html, application/msgpack;q=0.2", "*/*;q=0.1, application/msgpack;q=0.2",
        "application/json;q=0, application/msgpack;q=0.1", "application/json;q=0.5, application/*",
        "application/json;q=0, */*", "application/msgpack;Q=0.5;charset=x",
    ],
)  # fmt: skip
def test_msgpack_is_for_who_likes_it_better(accept):
    assert negotiation.chosen(accept) == MSGPACK


def test_a_header_of_any_length_is_read_and_none_is_kept_that_is_long():
    long = "text/html;q=0.1," * 4000 + "application/msgpack"
    remembered = negotiation._preferred.cache_info().currsize

    assert negotiation.chosen(long) == MSGPACK
    assert negotiation._preferred.cache_info().currsize == remembered


class Thing(msgspec.Struct):
    name: str
    made_at: datetime
    sizes: dict[int, float] = {}


BOAT = Thing("boat", datetime(2026, 11, 28, 12, 30, tzinfo=UTC), {7: 1.5})
SHOWN = {"name": "boat", "made_at": "2026-11-28T12:30:00Z", "sizes": {"7": 1.5}}


class Things(web.Handler):
    def get(self):
        self.send(BOAT)

    async def post(self):
        self.send(self.body(dict), 201, headers={"ETag": etags.tag(3)})


class Tagged(web.Handler):
    def get(self):
        self.send(BOAT, headers={"ETag": etags.tag(3)})


class Stored(web.Handler):
    """Answers with JSON that was made before, as the answer to an Idempotency-Key is."""

    def get(self):
        self.send(msgspec.Raw(msgspec.json.encode(BOAT)), headers={"Vary": "Cookie"})


class Plain(web.Handler):
    negotiates = False

    def get(self):
        self.send(BOAT)


class Gone(web.Handler):
    def get(self):
        raise ProblemError(410, detail="it is gone")

    def delete(self):
        self.send(None, 204)


class TestNegotiation(ServiceTestCase):
    service = "tokens"

    def make_app(self, database_url):
        kinds = {"things": Things, "tagged": Tagged, "stored": Stored, "plain": Plain, "gone": Gone}
        routes = [(f"/{name}", kind) for name, kind in kinds.items()]
        return web.application(routes, web.Dependencies(service="tokens"))

    def ask(self, path, accept=MSGPACK, method="GET", body=None, **headers):
        return self.call(method, path, body, headers={"Accept": accept, **headers})

    def test_the_same_value_comes_in_either_form(self):
        for path in ("/things", "/tagged", "/stored"):
            packed, plain = self.ask(path), self.ask(path, JSON)

            assert packed.headers["Content-Type"] == MSGPACK
            assert plain.headers["Content-Type"] == JSON
            assert msgspec.msgpack.decode(packed.body) == plain.json == SHOWN

    def test_caches_are_told_what_the_answer_depends_on(self):
        for accept in (MSGPACK, JSON):
            answer = self.ask("/things", accept)
            known = self.ask("/things", accept, **{"If-None-Match": answer.headers["ETag"]})

            assert (answer.headers["Vary"], known.status, known.headers["Vary"]) == ("Accept", 304, "Accept")
        assert self.ask("/stored").headers.get_list("Vary") == ["Cookie", "Accept"]

    def test_each_form_has_an_entity_tag_of_its_own(self):
        for path in ("/things", "/tagged"):
            packed, plain = self.ask(path).headers["ETag"], self.ask(path, JSON).headers["ETag"]

            assert packed != plain
            assert self.ask(path, MSGPACK, **{"If-None-Match": packed}).status == 304
            assert self.ask(path, MSGPACK, **{"If-None-Match": plain}).status == 200
            assert self.ask(path, JSON, **{"If-None-Match": plain}).status == 304
            assert self.ask(path, JSON, **{"If-None-Match": packed}).status == 200

    def test_either_forms_tag_names_the_version_in_if_match(self):
        packed, plain = (self.ask("/tagged", accept).headers["ETag"] for accept in (MSGPACK, JSON))

        assert (packed, plain) == ('"v3-msgpack"', '"v3"')
        assert etags.accepted(packed) == etags.accepted(plain) == {3}
        assert etags.accepted(f'{plain}, W/"v4-msgpack", "v5-gzip", "other"') == {3, 4}

    def test_head_tells_what_get_would(self):
        assert self.ask("/things", method="HEAD").headers["Content-Type"] == MSGPACK

    def test_problems_are_problem_json_whatever_is_preferred(self):
        answer = self.ask("/gone")

        assert (answer.status, answer.headers["Content-Type"]) == (410, "application/problem+json")
        assert answer.json["detail"] == "it is gone"
        assert "Vary" not in answer.headers

    def test_what_has_one_form_alone_is_sent_in_that(self):
        answer = self.ask("/plain")

        assert (answer.headers["Content-Type"], answer.json) == (JSON, SHOWN)
        assert "Vary" not in answer.headers
        for path in ("/openapi.json", "/health/live", "/health/ready", "/info"):
            assert self.ask(path).headers["Content-Type"] == JSON

    def test_no_body_has_no_form(self):
        answer = self.ask("/gone", method="DELETE")

        assert answer.status == 204
        assert not {"Content-Type", "Vary"} & set(answer.headers)

    def test_the_answer_to_a_change_is_negotiated_and_its_body_is_json(self):
        answer = self.ask("/things", method="POST", body={"name": "raft"})
        refused = self.call("POST", "/things", msgspec.msgpack.encode({"name": "raft"}), content_type=MSGPACK)

        assert (answer.status, msgspec.msgpack.decode(answer.body)) == (201, {"name": "raft"})
        assert answer.headers["ETag"] == '"v3-msgpack"'
        assert (refused.status, refused.json["detail"]) == (415, "the body should be application/json")
