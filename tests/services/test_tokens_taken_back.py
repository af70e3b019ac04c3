"""Introspection (RFC 7662), revocation (RFC 7009), lockout: what the issuer answers, and what verifiers learn."""

import asyncio
from urllib.parse import quote_plus

import msgspec
import pytest
from tokens_case import ISSUER, OPERATOR, SEALER, SECRET, Case

from chassis.auth import InvalidToken, Verifier
from chassis.database import Database
from chassis.jwks import KeyStore, key_set
from chassis.revocations import RevocationList, Revocations
from tokens import keys, lockout, revocations

REVIEWS = f"reviews:{quote_plus(SECRET)}"


class TakenBackCase(Case):
    def setUp(self):
        super().setUp()
        self.run_in(
            "DELETE FROM revoked_tokens", "UPDATE clients SET revoked_at = NULL", "DELETE FROM failures"
        )

    def run_in(self, *statements):
        from sqlalchemy import text

        async def scenario():
            async with self._app.dependencies.database.session() as session:
                for statement in statements:
                    found = await session.execute(text(statement))
                return found.all() if found.returns_rows else None

        return self.io_loop.run_sync(scenario)

    def change(self, work, *arguments):
        async def scenario():
            pool = Database(self.database_url)
            async with pool.session() as session:
                found = await work(session, *arguments)
            await pool.dispose()
            return found

        return self.io_loop.run_sync(scenario)

    def token(self, basic=OPERATOR, **form):
        answer = self.ask({"grant_type": "client_credentials", **form}, basic=basic)
        assert answer.status == 200, answer.body
        return answer.json["access_token"]

    def inspect(self, token, basic):
        return self.ask({"token": token}, basic=basic, path="/oauth/introspect").json

    def is_accepted(self, token):
        """Verify as a service does, with the list that the issuer serves now."""
        listed = self.call("GET", "/revocations")
        document = self.call("GET", "/.well-known/jwks.json").json

        async def scenario():
            async def fetch_list():
                return msgspec.json.decode(listed.body, type=RevocationList)

            async def fetch_keys():
                return key_set(document)

            verifier = Verifier(
                KeyStore(fetch_keys), issuer=ISSUER, audience="movies", revocations=Revocations(fetch_list)
            )
            try:
                await verifier.verify(token)
            except InvalidToken:
                return False
            return True

        return asyncio.run(scenario())


class TestInspection(TakenBackCase):
    def test_a_client_learns_what_its_own_token_says(self):
        token = self.token(REVIEWS)

        told = self.inspect(token, REVIEWS)

        assert {
            name: told[name] for name in ("active", "client_id", "sub", "aud", "scope", "iss", "token_type")
        } == {
            "active": True,
            "client_id": "reviews",
            "sub": "reviews",
            "aud": "movies",
            "scope": "movies:read",
            "iss": ISSUER,
            "token_type": "Bearer",
        }
        assert told["exp"] - told["iat"] == 600

    def test_another_clients_token_is_told_to_nobody_it_was_not_made_for(self):
        assert self.inspect(self.token(OPERATOR, scope="movies:write"), REVIEWS) == {"active": False}
        assert (
            self.inspect(self.token(OPERATOR), REVIEWS)["active"] is True
        )  # reviews is one of its audiences

    def test_what_is_no_good_token_is_just_not_active(self):
        for token in ("", "x", "a.b.c", self.token(REVIEWS)[:-4] + "AAAA"):
            answer = self.ask({"token": token or "x"}, basic=REVIEWS, path="/oauth/introspect")
            assert (answer.status, answer.json) == (200, {"active": False})

    def test_asking_needs_a_client_and_a_token(self):
        assert self.ask({"token": "x"}, path="/oauth/introspect").status == 401
        assert self.ask({}, basic=REVIEWS, path="/oauth/introspect").json["error"] == "invalid_request"


class TestRevocation(TakenBackCase):
    def test_a_token_taken_back_is_refused_everywhere_and_others_are_not(self):
        gone, other = self.token(REVIEWS), self.token(REVIEWS)
        assert self.is_accepted(gone)

        answer = self.ask({"token": gone}, basic=REVIEWS, path="/oauth/revoke")

        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert (self.is_accepted(gone), self.is_accepted(other)) == (False, True)
        assert self.inspect(gone, REVIEWS) == {"active": False}

    def test_nobody_takes_back_the_token_of_another(self):
        token = self.token(OPERATOR)

        answer = self.ask({"token": token}, basic=REVIEWS, path="/oauth/revoke")

        assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
        assert self.is_accepted(token)

    def test_a_token_that_is_none_is_as_good_as_taken_back(self):
        assert self.ask({"token": "x"}, basic=REVIEWS, path="/oauth/revoke").status == 200

    def test_all_tokens_of_a_client_are_void_at_once(self):
        token, other = self.token(REVIEWS), self.token(OPERATOR)

        self.change(revocations.revoke_client, "reviews")

        assert (self.is_accepted(token), self.is_accepted(other)) == (False, True)
        with pytest.raises(revocations.UnknownClient, match="stranger"):
            self.change(revocations.revoke_client, "stranger")

    def test_a_revoked_key_takes_its_tokens_along_and_another_signs_at_once(self):
        token = self.token(REVIEWS)
        before = self.change(keys.active_key).kid

        successor = self.change(keys.revoke, before, SEALER)

        assert successor not in (None, before)
        assert self.call("GET", "/revocations").json["keys"] == [before]
        assert not self.is_accepted(token)
        self._app.dependencies.ring._loaded = None
        assert self.is_accepted(self.token(REVIEWS))

    def test_what_was_done_is_in_the_audit(self):
        token = self.token(REVIEWS)
        self.ask({"token": token}, basic=REVIEWS, path="/oauth/revoke")
        self.change(revocations.revoke_client, "reviews")

        events = self.run_in("SELECT event, subject FROM audit ORDER BY id DESC LIMIT 2")

        assert [tuple(row) for row in events] == [("tokens revoked", "reviews"), ("token revoked", "reviews")]


class TestAudience(TakenBackCase):
    def test_an_audience_narrows_the_token_to_one_service(self):
        token = self.token(OPERATOR, audience="reviews")

        claims = self.inspect(token, OPERATOR)
        assert (claims["aud"], claims["scope"]) == ("reviews", "reviews:write")

    def test_an_audience_or_a_scope_that_the_client_has_not_is_refused(self):
        for form, error in (
            ({"audience": "tokens"}, "invalid_target"),
            ({"audience": "reviews", "scope": "movies:read"}, "invalid_scope"),
        ):
            answer = self.ask({"grant_type": "client_credentials", **form}, basic=OPERATOR)
            assert (answer.status, answer.json["error"]) == (400, error)


class TestLockout(TakenBackCase):
    def test_after_ten_wrong_secrets_nothing_is_compared_for_a_minute(self):
        for client in ("operator", "stranger"):
            with self.subTest(client=client):
                wrong = [self.ask(basic=f"{client}:wrong").status for _ in range(12)]

                assert wrong == [401] * lockout.MOST + [429] * 2
        locked = self.ask(basic=OPERATOR)
        assert (locked.status, locked.headers["Retry-After"]) == (429, "60")

    def test_a_stranger_outside_locks_nobody_out_inside(self):
        for _ in range(lockout.MOST + 1):
            self.ask(basic="operator:wrong", headers={"X-Forwarded-For": "10.0.0.1, 198.51.100.7"})

        assert self.ask(basic=OPERATOR, headers={"X-Forwarded-For": "10.0.0.9"}).status == 200

    def test_the_lock_opens_with_time_and_is_audited_once(self):
        for _ in range(lockout.MOST + 2):
            self.ask(basic="operator:wrong")
        self.run_in("UPDATE failures SET since = since - interval '61 seconds'")

        assert self.ask(basic=OPERATOR).status == 200
        found = self.run_in(
            "SELECT count(*) FROM audit WHERE event = 'client locked out' AND subject LIKE 'operator %'"
        )
        assert found[0][0] >= 1
