"""The issuer's wiring: which handler answers which path, and what they need from outside."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import web
from tokens.handlers import KeysHandler, MetadataHandler, TokenHandler
from tokens.hashing import SecretChecker
from tokens.ring import KeyRing

MAX_BODY = 16 * 1024  # bytes; a token request has a few hundred


@dataclass(frozen=True, kw_only=True)
class Dependencies(web.Dependencies):
    issuer: str
    ring: KeyRing
    secrets: SecretChecker

    async def close(self) -> None:
        self.secrets.close()
        await super().close()


def make_app(dependencies: Dependencies) -> web.Application:
    """Return the application."""
    routes = [
        (r"/oauth/token", TokenHandler),
        (r"/\.well-known/jwks\.json", KeysHandler),
        (r"/\.well-known/oauth-authorization-server", MetadataHandler),
    ]
    return web.application(routes, dependencies, max_body=MAX_BODY)
