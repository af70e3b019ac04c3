"""The issuer over HTTP: RFC 6749 for the endpoint, RFC 9068 for what it gives."""

import base64
import time
from urllib.parse import quote_plus

from tokens_case import ISSUER, OPERATOR, SECRET, Case

from chassis.auth import InvalidToken
from tokens import hashing


class TestTokens(Case):
    def test_basic_credentials_bring_a_token_that_the_audience_accepts(self):
        answer = self.ask(basic=f"{quote_plus('reviews')}:{quote_plus(SECRET)}")

        assert answer.status == 200
        token = answer.json.pop("access_token")
        assert {**answer.json, "access_token": None} == {
            "access_token": None, "token_type": "Bearer", "expires_in": 600, "scope": "movies:read",
        }  # fmt: skip
        claims = self.verify(token, "movies")
        assert (claims.iss, claims.sub, claims.client_id, claims.aud) == (
            ISSUER,
            "reviews",
            "reviews",
            "movies",
        )
        assert claims.exp - claims.iat == 600
        assert abs(claims.iat - time.time()) < 5

    def test_form_credentials_bring_a_token_too(self):
        form = {"grant_type": "client_credentials", "client_id": "reviews", "client_secret": SECRET}

        assert self.ask(form).status == 200

    def test_the_answer_is_not_to_be_stored(self):
        answer = self.ask(basic=OPERATOR)

        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert answer.headers["Content-Type"] == "application/json"

    def test_a_token_is_for_the_audiences_of_its_scopes_and_no_other(self):
        form = {"grant_type": "client_credentials", "scope": "reviews:write movies:write"}
        token = self.ask(form, basic=OPERATOR).json["access_token"]

        assert self.verify(token, "movies").aud == ["movies", "reviews"]
        assert self.verify(token, "reviews").scopes == {"movies:write", "reviews:write"}
        with self.assertRaises(InvalidToken):
            self.verify(token, "tokens")

    def test_no_scope_asked_means_all_that_the_client_has(self):
        assert self.ask(basic=OPERATOR).json["scope"] == "movies:read movies:write reviews:write"

    def test_every_token_has_its_own_id(self):
        one, two = (self.ask(basic=OPERATOR).json["access_token"] for _ in range(2))

        assert self.verify(one, "movies").jti != self.verify(two, "movies").jti


class TestErrors(Case):
    def refused(self, answer, status, error):
        assert (answer.status, answer.json["error"]) == (status, error), answer
        assert set(answer.json) == {"error", "error_description"}
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_a_wrong_secret_and_an_unknown_client_are_the_same_401(self):
        wrong = self.ask(basic="operator:wrong")
        unknown = self.ask(basic="stranger:wrong")
        form = {"grant_type": "client_credentials", "client_id": "stranger", "client_secret": "x"}

        for answer in (wrong, unknown, self.ask(form)):
            self.refused(answer, 401, "invalid_client")
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="tokens", charset="UTF-8"'
            assert answer.json == wrong.json

    def test_no_credentials_are_401(self):
        self.refused(self.ask(), 401, "invalid_client")

    def test_malformed_authorization_is_401(self):
        for header in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer x",
                       "Basic " + base64.b64encode(b"\xff\xff:x").decode()):  # fmt: skip
            with self.subTest(header=header):
                self.refused(self.ask(headers={"Authorization": header}), 401, "invalid_client")

    def test_odd_client_ids_are_401_and_never_an_error_of_ours(self):
        for client_id in ("\x00", "x' OR '1'='1", "a" * 10_000, "ümlaut", "", "%"):
            with self.subTest(client_id=client_id[:20]):
                form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": "x"}
                self.refused(self.ask(form), 401, "invalid_client")

    def test_two_ways_of_authentication_at_once_are_refused(self):
        form = {"grant_type": "client_credentials", "client_secret": "operator-secret"}

        self.refused(self.ask(form, basic=OPERATOR), 400, "invalid_request")

    def test_a_client_id_that_differs_from_the_header_is_refused(self):
        form = {"grant_type": "client_credentials", "client_id": "reviews"}

        self.refused(self.ask(form, basic=OPERATOR), 400, "invalid_request")
        assert self.ask({**form, "client_id": "operator"}, basic=OPERATOR).status == 200

    def test_a_repeated_parameter_is_refused(self):
        body = b"grant_type=client_credentials&scope=movies:read&scope=movies:write"

        self.refused(self.ask(body, basic=OPERATOR), 400, "invalid_request")

    def test_a_missing_or_empty_grant_type_is_refused(self):
        self.refused(self.ask({"scope": "movies:read"}, basic=OPERATOR), 400, "invalid_request")
        self.refused(self.ask({"grant_type": ""}, basic=OPERATOR), 400, "invalid_request")

    def test_other_grant_types_are_unsupported(self):
        for grant in ("password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"):
            self.refused(self.ask({"grant_type": grant}, basic=OPERATOR), 400, "unsupported_grant_type")

    def test_a_scope_that_the_client_lacks_is_refused_whole(self):
        for scope in (
            "movies:write",
            "movies:read movies:write",
            "admin",
            "movies:read  movies:read",
            "a\nb",
            " ",
        ):
            with self.subTest(scope=scope):
                form = {"grant_type": "client_credentials", "scope": scope}
                answer = self.ask(form, basic=f"reviews:{quote_plus(SECRET)}")
                self.refused(answer, 400, "invalid_scope")

    def test_a_client_without_scopes_gets_nothing(self):
        self.refused(self.ask(basic="nobody:nobody-secret"), 400, "invalid_scope")

    def test_a_body_of_another_type_is_refused(self):
        answer = self.ask(
            b'{"grant_type": "client_credentials"}', basic=OPERATOR, content_type="application/json"
        )

        self.refused(answer, 400, "invalid_request")

    def test_parameters_in_the_address_are_refused(self):
        answer = self.ask(path="/oauth/token?client_id=operator&client_secret=operator-secret")

        self.refused(answer, 400, "invalid_request")

    def test_unknown_parameters_are_ignored(self):
        form = {"grant_type": "client_credentials", "resource_owner": "anything"}

        assert self.ask(form, basic=OPERATOR).status == 200

    def test_get_is_405_and_a_large_body_413(self):
        assert self.call("GET", "/oauth/token").status == 405
        assert self.ask(b"x=" + b"y" * 20_000, basic=OPERATOR).status == 413

    def test_an_unknown_client_costs_as_much_work_as_a_known_one(self):
        compared = []

        class Counting(hashing.SecretChecker):
            async def matches(self, hashes, secret):
                compared.append(len(hashing.padded(hashes)))
                return await super().matches(hashes, secret)

        object.__setattr__(self._app.dependencies, "secrets", Counting())
        answers = [self.ask(basic=f"{client}:wrong") for client in ("operator", "stranger")]

        assert compared == [hashing.SECRETS, hashing.SECRETS]
        assert answers[0].body == answers[1].body
        assert answers[0].status == answers[1].status == 401
