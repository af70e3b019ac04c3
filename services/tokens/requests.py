"""A token request as RFC 6749 has it, read from headers and form; every error in its words."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

# RFC 6749, appendix A.4: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_TEXT = re.compile(r"[\x20-\x7e]{1,256}")


class OAuthError(Exception):
    """An error response of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class TokenRequest:
    """Which scopes a client asks for; none means all that it has. `audience` narrows them to those of one service."""

    scopes: frozenset[str] | None
    audience: str | None


@dataclass(frozen=True)
class Credentials:
    """Who asks, and how they prove it."""

    client_id: str
    secret: str = field(repr=False)


def read(values: Mapping[str, str]) -> TokenRequest:
    """Read a token request from its form. Raises OAuthError."""
    grant = values.get("grant_type")
    if grant is None:
        raise OAuthError("invalid_request", "the parameter 'grant_type' is missing")
    if grant != "client_credentials":
        raise OAuthError("unsupported_grant_type", "the only grant type here is client_credentials")
    return TokenRequest(_scopes(values.get("scope")), values.get("audience"))


def form_values(media: str, form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the form's values, each parameter of which may stand once. Raises OAuthError."""
    if media != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body should be application/x-www-form-urlencoded")
    for name, given in form.items():
        if len(given) > 1:
            raise OAuthError("invalid_request", f"the parameter {_shown(name)} should stand once")
    # RFC 6749, 3.2: parameters sent without a value are treated as if they were omitted.
    return {name: given[0] for name, given in form.items() if given[0]}


def credentials(values: Mapping[str, str], authorization: Sequence[str]) -> Credentials:
    """Read who asks from the form or from HTTP Basic, never from both. Raises OAuthError."""
    if not authorization:
        if "client_id" not in values or "client_secret" not in values:
            raise OAuthError("invalid_client", "client authentication is needed", status=401)
        return Credentials(*_checked(values["client_id"], values["client_secret"]))
    if "client_secret" in values:
        raise OAuthError("invalid_request", "the client should authenticate in one way only")
    if len(authorization) > 1:
        raise OAuthError("invalid_request", "the Authorization header should stand once")
    client_id, client_secret = _basic(authorization[0])
    if values.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "client_id differs from that of the Authorization header")
    return Credentials(client_id, client_secret)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        if not colon:
            raise ValueError("no colon")
    except (ValueError, binascii.Error) as error:
        raise OAuthError(
            "invalid_client", "the Authorization header is not HTTP Basic", status=401
        ) from error
    # RFC 6749, 2.3.1: both were form-urlencoded before they became user name and password.
    return _checked(unquote_plus(client_id), unquote_plus(secret))


def _checked(client_id: str, secret: str) -> tuple[str, str]:
    if not _TEXT.fullmatch(client_id) or not _TEXT.fullmatch(secret):
        raise OAuthError("invalid_client", "unknown client or wrong secret", status=401)
    return client_id, secret


def _scopes(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    if len(text) > 1024 or not _SCOPE.fullmatch(text):
        raise OAuthError("invalid_scope", "the scope is malformed")
    return frozenset(text.split(" "))


def _shown(name: str) -> str:
    return repr(name) if name.isascii() and name.isidentifier() and len(name) < 40 else "in question"
