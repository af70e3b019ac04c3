"""The form of our access tokens (RFC 9068, RS256) and the strict checks on one; no network, no clock.

A token is refused for anything that our issuer would not have written: more header members than alg, typ and kid
(so no jwk, jku, x5u, x5c, crit, b64 or zip is ever looked at), repeated members, padding, other base64url spellings.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
TYPE = "at+jwt"
MAX_LENGTH = 8192  # characters
MAX_LIFETIME = 3600  # seconds: our issuer gives ten minutes; a token for longer is not ours

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class InvalidToken(Exception):
    """The token is not one that we accept; the reason is for the log, never for the client."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole JOSE header of our tokens."""

    alg: str
    typ: str
    kid: str


class Claims(msgspec.Struct, frozen=True):
    """The claims that RFC 9068 demands (section 2.2), and scope; times in seconds since 1970."""

    iss: str
    sub: str
    aud: str | list[str]
    client_id: str
    iat: int
    exp: int
    jti: str
    scope: str = ""
    nbf: int | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes."""
        return frozenset(self.scope.split())


def read_header(token: str) -> Header:
    """Return the header of a compact token, before anything is believed. Raises InvalidToken."""
    match = _COMPACT.fullmatch(token) if len(token) <= MAX_LENGTH else None
    if match is None:
        raise InvalidToken("not a compact token")
    parts = [_decode(part) for part in match.groups()]
    header: Header = _convert(_object(parts[0]), Header)
    if header.alg != ALGORITHM:
        raise InvalidToken("other algorithm")
    # RFC 9068, section 4: "at+jwt" or "application/at+jwt", compared as media types are.
    if header.typ.lower().removeprefix("application/") != TYPE:
        raise InvalidToken("other type")
    return header


def check_signature(token: str, key: RSAKey) -> Claims:
    """Return the claims of a token that `key` signed. Raises InvalidToken."""
    try:
        payload = jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidToken("bad signature") from error
    claims: Claims = _convert(_object(payload), Claims)
    return claims


def check_claims(claims: Claims, *, issuer: str, audience: str, now: float, leeway: int) -> None:
    """Compare the claims with what is expected here (RFC 9068, section 4). Raises InvalidToken."""
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    rules = {
        "other issuer": claims.iss == issuer,
        "other audience": audience in audiences,
        "expired": now < claims.exp + leeway,
        "issued in the future": claims.iat <= now + leeway,
        "not valid yet": claims.nbf is None or claims.nbf <= now + leeway,
        "valid for too long": 0 < claims.exp - claims.iat <= MAX_LIFETIME,
        "empty subject": bool(claims.sub and claims.client_id and claims.jti),
    }
    for reason, holds in rules.items():
        if not holds:
            raise InvalidToken(reason)


def _decode(part: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise InvalidToken("not canonical base64url")
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unrepeated, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("not JSON") from error
    if not isinstance(value, dict):
        raise InvalidToken("not an object")
    return value


def _convert(value: dict[str, Any], kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidToken(str(error)) from error


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("repeated member")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
