"""The issuer with three clients, as its tests ask it."""

import asyncio
import base64
import os
from urllib.parse import urlencode

from chassis.auth import Verifier
from chassis.aws import AwsError
from chassis.database import Database
from chassis.jwks import KeyStore, key_set
from chassis.schema import schema
from chassis.testing import ServiceTestCase, fresh_database
from tokens import clients
from tokens.app import Dependencies, make_app
from tokens.clients import Wanted
from tokens.hashing import SecretChecker
from tokens.ring import KeyRing
from tokens.sealing import DataKey, Sealer, UnsealError

ISSUER = "http://tokens.test.internal"
SECRET = "a secret: with % + & and more"
FORM = "application/x-www-form-urlencoded"
CLIENTS = [
    Wanted("reviews", frozenset({"movies:read"}), SECRET),
    Wanted("operator", frozenset({"movies:read", "movies:write", "reviews:write"}), "operator-secret"),
    Wanted("nobody", frozenset(), "nobody-secret"),
]


class MemoryKeys:
    """tokens.data_keys.KmsDataKeys without KMS: bound to its context in the same way. `broken` makes it unreachable."""

    def __init__(self):
        self.made, self.asked, self.broken = {}, 0, False

    async def make(self, context):
        self._answers()
        key = DataKey(os.urandom(32), os.urandom(64))
        self.made[key.wrapped] = key.plain, dict(context)
        return key

    async def unwrap(self, wrapped, context):
        self._answers()
        plain, bound_to = self.made.get(wrapped, (b"", None))
        if bound_to != dict(context):
            raise UnsealError(f"signing key {context['kid']}: KMS does not open it")
        return plain

    def _answers(self):
        self.asked += 1
        if self.broken:
            raise AwsError("kms cannot be reached")


def sealer(keys=None, old_secret=None):
    return Sealer(keys or MemoryKeys(), service="tokens", old_secret=old_secret)


SEALER = sealer()


def run(scenario):
    """Run a coroutine function on a fresh database."""

    async def inside():
        pool = Database(fresh_database("tokens"))
        try:
            return await scenario(pool)
        finally:
            await pool.dispose()

    return asyncio.run(inside())


class Case(ServiceTestCase):
    service = "tokens"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()

        async def fill():
            pool = Database(cls.database_url)
            async with pool.session() as session:
                await clients.synchronise(session, CLIENTS)
            await pool.dispose()

        asyncio.run(fill())

    def make_app(self, database_url):
        pool = Database(database_url)
        return make_app(
            Dependencies(
                service="tokens",
                database=pool,
                schema=schema("tokens"),
                issuer=ISSUER,
                ring=KeyRing(pool, SEALER),
                secrets=SecretChecker(),
            )
        )

    def ask(self, form=None, basic=None, headers=None, path="/oauth/token", content_type=FORM):
        given = dict(headers or {})
        if basic is not None:
            given["Authorization"] = "Basic " + base64.b64encode(basic.encode()).decode()
        values = {"grant_type": "client_credentials"} if form is None else form
        body = values if isinstance(values, bytes) else urlencode(values).encode()
        return self.call("POST", path, body, headers=given, content_type=content_type)

    def verify(self, token, audience):
        document = self.call("GET", "/.well-known/jwks.json").json

        async def fetch():
            return key_set(document)

        return asyncio.run(Verifier(KeyStore(fetch), issuer=ISSUER, audience=audience).verify(token))


OPERATOR = "operator:operator-secret"
