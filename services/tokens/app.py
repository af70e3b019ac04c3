"""The issuer's wiring: which handler answers which path, and what they need from outside."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import web
from tokens.data_keys import KmsDataKeys
from tokens.handlers import (
    InspectionHandler,
    KeysHandler,
    MetadataHandler,
    RevocationHandler,
    RevocationsHandler,
    TokenHandler,
)
from tokens.hashing import SecretChecker
from tokens.ring import KeyRing
from tokens.rotation import Rotation

MAX_BODY = 16 * 1024  # bytes; a token request has a few hundred

ROUTES = (
    (r"/oauth/token", TokenHandler),
    (r"/oauth/introspect", InspectionHandler),
    (r"/oauth/revoke", RevocationHandler),
    (r"/revocations", RevocationsHandler),
    (r"/\.well-known/jwks\.json", KeysHandler),
    (r"/\.well-known/oauth-authorization-server", MetadataHandler),
)


@dataclass(frozen=True, kw_only=True)
class Dependencies(web.Dependencies):
    issuer: str
    ring: KeyRing
    secrets: SecretChecker
    rotation: Rotation | None = None
    data_keys: KmsDataKeys | None = None

    async def open(self) -> None:
        await super().open()
        if self.data_keys:
            await self.data_keys.open()

    async def close(self) -> None:
        self.secrets.close()
        if self.rotation:
            await self.rotation.stop()
        if self.data_keys:
            await self.data_keys.close()
        await super().close()


def make_app(dependencies: Dependencies) -> web.Application:
    """Return the application."""
    return web.application(ROUTES, dependencies, max_body=MAX_BODY)
