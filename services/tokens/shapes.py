"""What clients of the issuer send (as forms) and get (as JSON), in the words of the RFCs."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

Identifier = Annotated[str, msgspec.Meta(max_length=256)]


class ClientForm(msgspec.Struct, frozen=True):
    """How a client may authenticate in the form (RFC 6749, 2.3.1); better by HTTP Basic."""

    client_id: Identifier | UnsetType = UNSET
    client_secret: Identifier | UnsetType = UNSET


class TokenForm(ClientForm, frozen=True, kw_only=True):
    """`scope`: scopes apart by one blank, all that the client has when left out. `audience`: one service's alone."""

    grant_type: Literal["client_credentials"]
    scope: Annotated[str, msgspec.Meta(max_length=1024)] | UnsetType = UNSET
    audience: Identifier | UnsetType = UNSET


class AboutTokenForm(ClientForm, frozen=True, kw_only=True):
    """A token to inspect or to take back."""

    token: str


class Token(msgspec.Struct, frozen=True):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str


class Refusal(msgspec.Struct, frozen=True):
    """RFC 6749, 5.2."""

    error: str
    error_description: str


class Inspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 7662, 2.2: whether the token is good, and if so what it says."""

    active: bool
    scope: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    token_type: str | UnsetType = UNSET
    exp: int | UnsetType = UNSET
    iat: int | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    aud: str | list[str] | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    jti: str | UnsetType = UNSET


class PublicKey(msgspec.Struct, frozen=True):
    kty: str
    n: str
    e: str
    kid: str
    use: str
    alg: str


class KeySet(msgspec.Struct, frozen=True):
    keys: list[PublicKey]


class Metadata(msgspec.Struct, frozen=True):
    """RFC 8414, 2."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    introspection_endpoint: str
    revocation_endpoint: str
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
