"""For tests of services: a signing key and tokens, and a test case that speaks JSON to the real application."""

from __future__ import annotations

import functools
import importlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import URL
from tornado.httpclient import HTTPResponse
from tornado.testing import AsyncHTTPTestCase

from chassis.auth import Verifier
from chassis.jwks import KeySet, KeyStore
from chassis.testing_postgres import Postgres, eventually, fresh_database, migrated, postgres
from chassis.web import Application, Dependencies

__all__ = [
    "Answer",
    "Postgres",
    "ServiceTestCase",
    "eventually",
    "fresh_database",
    "migrated",
    "openapi_paths",
    "postgres",
    "signing_key",
    "token",
    "verifier",
]

ISSUER = "http://tokens.test.internal"
KID = "test-key"


@functools.cache
def signing_key() -> RSAKey:
    """Return the key that signs the tests' tokens."""
    return RSAKey.generate_key(2048)


def token(
    scopes: str = "",
    audience: str = "test",
    *,
    header: Mapping[str, Any] | None = None,
    key: RSAKey | None = None,
    **claims: Any,
) -> str:
    """Return a signed access token; `claims` and `header` replace members, None takes one out."""
    now = int(time.time())
    members = {
        "iss": ISSUER,
        "sub": "tester",
        "client_id": "tester",
        "aud": audience,
        "iat": now,
        "exp": now + 600,
        "jti": secrets.token_hex(8),
        "scope": scopes,
        **claims,
    }
    head = {"alg": "RS256", "typ": "at+jwt", "kid": KID, **(header or {})}
    return jwt.encode(_without_none(head), _without_none(members), key or signing_key(), default_type=None)


def verifier(audience: str) -> Verifier:
    """Return a verifier that knows the tests' key; nothing is fetched."""

    async def keys() -> KeySet:
        return KeySet({KID: signing_key()}, max_age=3600)

    return Verifier(KeyStore(keys), issuer=ISSUER, audience=audience)


@dataclass(frozen=True)
class Answer:
    """A response as a test compares it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class ServiceTestCase(AsyncHTTPTestCase):
    """Starts a service's real application on a free port, on a fresh database a test class.

    Set `service` and override `make_app`, which is called inside the loop and gets the database's URL.
    """

    service: ClassVar[str]
    database_url: ClassVar[URL]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.database_url = fresh_database(cls.service)

    def make_app(self, database_url: URL) -> Application:
        """Return the application under test."""
        raise TypeError(f"{type(self).__name__} should override make_app")

    def get_app(self) -> Application:
        async def build() -> Application:
            return self.make_app(self.database_url)

        app: Application = self.io_loop.run_sync(build)
        return app

    def tearDown(self) -> None:
        dependencies: Dependencies = self._app.dependencies  # type: ignore[attr-defined]
        self.io_loop.run_sync(dependencies.close)
        super().tearDown()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Send a request; `body` is sent as JSON unless it is bytes. No status raises."""
        given = dict(headers or {})
        if token:
            given["Authorization"] = f"Bearer {token}"
        if body is not None:
            given.setdefault("Content-Type", content_type)
        data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        response: HTTPResponse = self.fetch(
            path,
            method=method,
            body=data,
            headers=given,
            allow_nonstandard_methods=True,
            follow_redirects=False,
        )
        return Answer(response.code, response.headers, response.body or b"")


def openapi_paths(package: str) -> dict[str, set[str]]:
    """Return path -> methods in upper case of the service's openapi.json."""
    module = importlib.import_module(package)
    document = msgspec.json.decode((Path(next(iter(module.__path__))) / "openapi.json").read_bytes())
    return {
        path: {name.upper() for name in item if name != "parameters"}
        for path, item in document["paths"].items()
    }


def _without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
