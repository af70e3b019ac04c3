"""Which scopes a client gets, and the claims of its token (RFC 9068, 2.2); no network, no database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tokens.requests import OAuthError

LIFETIME = 600  # seconds


def granted(
    asked: frozenset[str] | None, allowed: Collection[str], *, audience: str | None = None
) -> list[str]:
    """Return the scopes to grant, sorted. Raises OAuthError for one the client may not have, or for none.

    An audience is allowed where a scope of it is: it narrows what is granted to one service.
    """
    scopes = frozenset(allowed) if asked is None else asked
    if audience is not None:
        allowed = {scope for scope in allowed if scope.split(":")[0] == audience}
        scopes = frozenset(allowed) if asked is None else asked
        if not allowed:
            raise OAuthError("invalid_target", "the client may not ask for this audience")  # RFC 8707, 2
    if not scopes or not scopes <= frozenset(allowed):
        raise OAuthError("invalid_scope", "the client may not have this scope")
    return sorted(scopes)


def claims(client_id: str, scopes: Collection[str], *, issuer: str, now: int, jti: str) -> dict[str, Any]:
    """Return the claims of a token. A scope's audience is the service before its colon."""
    audiences = sorted({scope.split(":")[0] for scope in scopes})
    return {
        "iss": issuer,
        "sub": client_id,
        "client_id": client_id,
        "aud": audiences[0] if len(audiences) == 1 else audiences,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": jti,
        "scope": " ".join(sorted(scopes)),
    }
