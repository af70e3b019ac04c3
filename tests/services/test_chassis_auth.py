"""The verifier against the attacks that tokens are known to suffer; every one must be refused, and all alike."""

import asyncio
import contextlib
import socket

import pytest
from attacks import ATTACKS, AUDIENCE

from chassis import testing
from chassis.auth import InvalidToken, Verifier, authenticated
from chassis.jwks import KeySet, KeyStore
from chassis.revocations import RevocationList, Revocations
from chassis.testing import ISSUER, KID, ServiceTestCase, signing_key, token
from chassis.web import Dependencies, Handler, application


def verify(text):
    return asyncio.run(testing.verifier(AUDIENCE).verify(text))


def test_a_good_token_is_accepted():
    found = verify(token("movies:read movies:write", AUDIENCE))

    assert (found.client_id, found.scopes) == ("tester", {"movies:read", "movies:write"})


def test_the_media_type_may_be_written_in_full_and_the_audience_be_one_of_several():
    assert verify(token("", AUDIENCE, header={"typ": "application/AT+JWT"})).client_id == "tester"
    assert verify(token("", aud=["reviews", AUDIENCE])).client_id == "tester"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name):
    with pytest.raises(InvalidToken):
        verify(ATTACKS[name]())


def test_clocks_may_differ_by_the_leeway_and_no_more():
    text = token("", AUDIENCE, iat=1000, exp=1600)

    async def keys():
        return KeySet({KID: signing_key()}, max_age=3600)

    def at(now):
        verifier = Verifier(KeyStore(keys), issuer=ISSUER, audience=AUDIENCE, clock=lambda: now)
        return asyncio.run(verifier.verify(text))

    assert at(1604.9).client_id == "tester"
    assert at(995.0).client_id == "tester"
    for now in (1605.0, 994.9):
        with pytest.raises(InvalidToken):
            at(now)


def test_a_token_that_was_good_is_refused_once_it_is_old_or_its_key_is_withdrawn():
    moment, published = [1000.0], {KID: signing_key()}
    text = token("", AUDIENCE, iat=1000, exp=1600)

    async def current():
        return KeySet(dict(published), max_age=30)

    async def scenario():
        clock = lambda: moment[0]  # noqa: E731
        store = KeyStore(current, clock=clock)
        verifier = Verifier(store, issuer=ISSUER, audience=AUDIENCE, clock=clock)
        for _ in range(2):
            await verifier.verify(text)
        moment[0] = 1700.0
        with pytest.raises(InvalidToken, match="expired"):
            await verifier.verify(text)
        moment[0] = 1100.0
        published.clear()
        await store._load()
        with pytest.raises(InvalidToken, match="unknown key"):
            await verifier.verify(text)

    asyncio.run(scenario())


async def keys():
    return KeySet({KID: signing_key()}, max_age=3600)


async def taken_back():
    return RevocationList(tokens=["stolen"], clients={"dismissed": 2**40})


class Guarded(Handler):
    @authenticated()
    def get(self) -> None:
        self.send({"client": self.claims.client_id})


class AttackTest(ServiceTestCase):
    """Over HTTP: whatever is wrong with a token, the client learns the same."""

    @classmethod
    def setUpClass(cls):
        cls.database_url = None  # nothing here needs one

    def make_app(self, database_url):
        verifier = Verifier(
            KeyStore(keys), issuer=ISSUER, audience=AUDIENCE, revocations=Revocations(taken_back)
        )
        return application([(r"/guarded", Guarded)], Dependencies(service=AUDIENCE, verifier=verifier))

    def said(self, authorization: str, path: str = "/guarded") -> tuple[str, str, bytes]:
        """Status line, challenge and body of the answer, over a socket: no client would send some of these."""
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}\r\n"
        answer = self.io_loop.run_sync(lambda: exchanged(self.get_http_port(), request.encode()))
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        challenge = [line for line in lines if line.lower().startswith("www-authenticate:")]
        return lines[0], "".join(challenge), body

    def test_every_attack_is_the_same_401(self):
        vectors = {name: make() for name, make in ATTACKS.items()}
        vectors["taken back"] = token("", AUDIENCE, jti="stolen")
        vectors["of a client that was dismissed"] = token("", AUDIENCE, client_id="dismissed")

        found = {
            name: self.said(f"Authorization: Bearer {text}\r\n")
            for name, text in vectors.items()
            if fits_a_header(text)
        }

        assert len(found) > 90
        assert set(found.values()) == {self.said("Authorization: Bearer x\r\n")}
        assert found["alg none"][0] == "HTTP/1.1 401 Unauthorized"

    def test_what_fits_no_header_gets_no_answer_from_behind_the_door(self):
        for text in (ATTACKS["a megabyte"](), ATTACKS["other letters"]()):
            assert b"client" not in self.said(f"Authorization: Bearer {text}\r\n")[2]

    def test_a_token_anywhere_else_is_no_token(self):
        good = token("", AUDIENCE)
        none = self.said("")

        assert none[0] == "HTTP/1.1 401 Unauthorized"
        assert self.said("", f"/guarded?access_token={good}") == none
        assert self.said(f"Cookie: access_token={good}\r\n") == none
        assert self.said(f"Authorization: Bearer {good}\r\n")[0] == "HTTP/1.1 200 OK"


def fits_a_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and len(text) < 60_000


async def exchanged(port: int, request: bytes) -> bytes:
    """Send the bytes; return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, family=socket.AF_INET)
    answer = b""
    with contextlib.suppress(ConnectionError):
        writer.write(request)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer
