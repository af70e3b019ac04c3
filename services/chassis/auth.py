"""Who may call: verification of RFC 9068 access tokens, and the decorator that asks for a scope."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from joserfc.jwk import RSAKey

from chassis.access_tokens import Claims, InvalidToken, check_claims, check_signature, read_header
from chassis.jwks import KeyStore, KeysUnavailable, key_store
from chassis.problems import ProblemError
from chassis.revocations import Revocations, revocations
from chassis.settings import WebSettings

__all__ = ["Claims", "InvalidToken", "Verifier", "authenticated", "verifier"]

LEEWAY = 5  # seconds that clocks may differ
REMEMBERED = 1000  # tokens whose signature need not be computed again


class Verifier:
    """Verifies access tokens of one issuer for one audience, offline, with the issuer's published keys."""

    def __init__(
        self,
        keys: KeyStore,
        *,
        issuer: str,
        audience: str,
        revocations: Revocations | None = None,
        leeway: int = LEEWAY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.audience = audience
        self._keys = keys
        self._issuer = issuer
        self._revocations = revocations
        self._leeway = leeway
        self._clock = clock
        self._signed: dict[str, tuple[str, RSAKey, Claims]] = {}  # token -> key's id, key, claims

    async def verify(self, token: str) -> Claims:
        """Return the token's claims. Raises InvalidToken, or KeysUnavailable when no key was ever fetched."""
        kid, claims = await self._read(token)
        check_claims(
            claims, issuer=self._issuer, audience=self.audience, now=self._clock(), leeway=self._leeway
        )
        if self._revocations and await self._revocations.has(claims, kid):
            raise InvalidToken("revoked")
        return claims

    async def _read(self, token: str) -> tuple[str, Claims]:
        """Return the key's id and the claims of a token that is signed; what was computed before is remembered."""
        kid, former, claims = self._signed.get(token) or (read_header(token).kid, None, None)
        key = await self._keys.get(kid)
        if key is None:
            raise InvalidToken("unknown key")
        if claims is None or key is not former:
            claims = check_signature(token, key)
            if len(self._signed) >= REMEMBERED:
                self._signed.clear()
            self._signed[token] = (kid, key, claims)
        return kid, claims

    def warm(self) -> None:
        """Begin to fetch what the first request would wait for; inside the event loop."""
        self._keys.warm()
        if self._revocations:
            self._revocations.refresh()

    async def close(self) -> None:
        """Stop fetches that are under way."""
        await self._keys.close()
        if self._revocations:
            await self._revocations.close()


def verifier(http: aiohttp.ClientSession, settings: WebSettings) -> Verifier:
    """Return the verifier of a service's web process, over a session that stays the caller's."""
    issuer = settings.token_issuer
    return Verifier(
        key_store(http, issuer),
        issuer=issuer,
        audience=settings.service,
        revocations=revocations(http, issuer),
    )


Method = Callable[..., Any]


def authenticated(scope: str | None = None) -> Callable[[Method], Method]:
    """Let a handler's method run only with a valid bearer token (RFC 6750) that holds `scope`.

    Sets `self.claims`. Answers 401 without a token or with a bad one, always with the same body; 403 without the
    scope; 503 when the issuer's keys were never reachable.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        async def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
            self.claims = await _claims(self)
            if scope and scope not in self.claims.scopes:
                raise _forbidden(self.dependencies.verifier.audience, scope)
            answer = method(self, *args, **kwargs)
            return await answer if isinstance(answer, Awaitable) else answer

        checked.required_scope = scope  # type: ignore[attr-defined]
        return checked

    return decorate


async def _claims(handler: Any) -> Claims:
    verifier: Verifier = handler.dependencies.verifier
    given = handler.request.headers.get_list("Authorization")
    if not given:
        raise _unauthorized(f'Bearer realm="{verifier.audience}"')
    scheme, _, token = given[0].partition(" ")
    invalid = f'Bearer realm="{verifier.audience}", error="invalid_token"'
    if len(given) > 1 or scheme.lower() != "bearer":
        raise _unauthorized(invalid)
    try:
        return await verifier.verify(token)
    except InvalidToken as error:
        raise _unauthorized(invalid) from error
    except KeysUnavailable as error:
        raise ProblemError(
            503, detail="tokens cannot be verified now", headers={"Retry-After": "5"}
        ) from error


def _unauthorized(challenge: str) -> ProblemError:
    return ProblemError(401, detail="a valid bearer token is needed", headers={"WWW-Authenticate": challenge})


def _forbidden(realm: str, scope: str) -> ProblemError:
    challenge = f'Bearer realm="{realm}", error="insufficient_scope", scope="{scope}"'
    return ProblemError(
        403, detail=f"the token lacks the scope {scope}", headers={"WWW-Authenticate": challenge}
    )
