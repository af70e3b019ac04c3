"""The issuer's own reading of a token: good or not, whatever its audience (RFC 7662); and who may know."""

from __future__ import annotations

from chassis.access_tokens import Claims, InvalidToken, check_claims, check_signature, read_header
from chassis.auth import LEEWAY
from chassis.revocations import RevocationList
from tokens.ring import KeyRing
from tokens.shapes import Inspection


async def read(
    token: str, ring: KeyRing, revoked: RevocationList, *, issuer: str, now: float
) -> Claims | None:
    """Return the claims of a token that is good at `now`, None of any other."""
    try:
        header = read_header(token)
        key = await ring.public_key(header.kid)
        if key is None:
            return None
        claims = check_signature(token, key)
        audience = claims.aud if isinstance(claims.aud, str) else claims.aud[0]
        check_claims(claims, issuer=issuer, audience=audience, now=now, leeway=LEEWAY)
    except (InvalidToken, IndexError):
        return None
    return None if revoked.has(claims, header.kid) else claims


def may_inspect(client_id: str, claims: Claims) -> bool:
    """Say whether it is the client's own token, or one that was made to be shown to it."""
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    return client_id == claims.client_id or client_id in audiences


def shown(claims: Claims) -> Inspection:
    """Return what RFC 7662 tells of a good token."""
    return Inspection(
        active=True,
        scope=claims.scope,
        client_id=claims.client_id,
        token_type="Bearer",  # noqa: S106 - a kind of token
        exp=claims.exp,
        iat=claims.iat,
        sub=claims.sub,
        aud=claims.aud,
        iss=claims.iss,
        jti=claims.jti,
    )
