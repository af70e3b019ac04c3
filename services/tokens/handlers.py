"""HTTP of the issuer: tokens given, inspected and taken back; the published keys, revocations and metadata."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from chassis.access_tokens import Claims
from chassis.operations import Reply, operation
from chassis.revocations import RevocationList
from chassis.web import Handler
from tokens import grants, inspection, requests, revocations
from tokens.client_handler import Asked, ClientHandler
from tokens.keys import JWKS_MAX_AGE
from tokens.requests import OAuthError
from tokens.shapes import AboutTokenForm, Inspection, KeySet, Metadata, Refusal, Token, TokenForm

log = logging.getLogger("tokens")

REFUSED = {
    400: Reply("The request is not one that RFC 6749 knows, or asks for too much.", Refusal),
    401: Reply("Unknown client or wrong secret.", Refusal, {"WWW-Authenticate": "Basic."}),
}


def form_operation(id: str, summary: str, form: type, reply: Reply) -> Callable[[Any], Any]:
    """Describe what a client asks by form."""
    return operation(
        id=id,
        summary=summary,
        body=form,
        media="application/x-www-form-urlencoded",
        security=({"client": []}, {}),
        replies={200: reply, **REFUSED},
        problems={
            400: "The request is not one that RFC 6749 knows, asks for too much, or has no form.",
            413: "The body is too large.",
            429: "Too many failed attempts, or too many requests.",
        },
    )


class TokenHandler(ClientHandler):
    """/oauth/token (RFC 6749, 4.4)"""

    @form_operation(
        "createToken",
        "Exchange client credentials for an access token",
        TokenForm,
        Reply("The token.", Token),
    )
    async def post(self) -> None:
        await self.respond(self.grant)

    async def grant(self, asked: Asked) -> Token:
        request = requests.read(asked.values)
        scopes = grants.granted(request.scopes, asked.client.scopes, audience=request.audience)
        claims = grants.claims(
            asked.client_id,
            scopes,
            issuer=self.dependencies.issuer,
            now=int(time.time()),
            jti=uuid.uuid4().hex,
        )
        token = await self.dependencies.ring.sign(claims)
        issued = {"client": asked.client_id, "jti": claims["jti"], "aud": claims["aud"]}
        log.info("token issued", extra=issued)
        return Token(token, "Bearer", grants.LIFETIME, claims["scope"])


class AboutTokenHandler(ClientHandler):
    """What inspection and revocation share: reading the token in question."""

    async def claims(self, asked: Asked) -> Claims | None:
        """Return the claims of a good token. Raises OAuthError when none was sent."""
        if "token" not in asked.values:
            raise OAuthError("invalid_request", "the parameter 'token' is missing")
        dependencies = self.dependencies
        async with dependencies.database.session() as session:
            revoked = await revocations.current(session)
        return await inspection.read(
            asked.values["token"], dependencies.ring, revoked, issuer=dependencies.issuer, now=time.time()
        )


class InspectionHandler(AboutTokenHandler):
    """/oauth/introspect (RFC 7662)"""

    @form_operation(
        "inspectToken",
        "Say whether a token of or for the client is good",
        AboutTokenForm,
        Reply("What the token says, or that it is not active.", Inspection),
    )
    async def post(self) -> None:
        await self.respond(self.inspect)

    async def inspect(self, asked: Asked) -> Inspection:
        claims = await self.claims(asked)
        if claims is None or not inspection.may_inspect(asked.client_id, claims):
            return Inspection(active=False)
        return inspection.shown(claims)


class RevocationHandler(AboutTokenHandler):
    """/oauth/revoke (RFC 7009)"""

    @form_operation(
        "revokeToken",
        "Take back a token of the client",
        AboutTokenForm,
        Reply("It is not good any more.", dict),
    )
    async def post(self) -> None:
        await self.respond(self.revoke)

    async def revoke(self, asked: Asked) -> dict[str, str]:
        claims = await self.claims(asked)
        # RFC 7009, 2.2: an invalid token is as good as revoked.
        if claims is None:
            return {}
        if claims.client_id != asked.client_id:
            raise OAuthError("unauthorized_client", "the token was issued to another client")
        async with self.dependencies.database.session() as session:
            await revocations.revoke_token(session, claims)
        return {}


class RevocationsHandler(Handler):
    """/revocations: for the services of the environment; ids that are worth nothing to anybody else."""

    @operation(
        id="listRevocations",
        summary="List what was taken back and could still be alive",
        headers=("If-None-Match",),
        replies={200: Reply("The list.", RevocationList), 304: Reply("Unchanged.")},
    )
    async def get(self) -> None:
        async with self.dependencies.database.session() as session:
            current = await revocations.current(session)
        self.send(current, headers={"Cache-Control": f"max-age={revocations.LIST_MAX_AGE}"})


class KeysHandler(Handler):
    """/.well-known/jwks.json (RFC 7517)"""

    negotiates = False

    @operation(
        id="getKeys",
        summary="The public keys that may have signed a living token",
        headers=("If-None-Match",),
        replies={200: Reply("The keys.", KeySet, {"ETag": "Theirs."}), 304: Reply("Unchanged.")},
    )
    async def get(self) -> None:
        public = await self.dependencies.ring.public()
        self.send({"keys": public}, headers={"Cache-Control": f"public, max-age={JWKS_MAX_AGE}"})


class MetadataHandler(Handler):
    """/.well-known/oauth-authorization-server (RFC 8414)"""

    negotiates = False

    @operation(
        id="getMetadata",
        summary="What this issuer can do",
        headers=("If-None-Match",),
        replies={200: Reply("The metadata.", Metadata), 304: Reply("Unchanged.")},
    )
    def get(self) -> None:
        issuer, methods = self.dependencies.issuer, ["client_secret_basic", "client_secret_post"]
        metadata = Metadata(
            issuer=issuer,
            token_endpoint=f"{issuer}/oauth/token",
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            introspection_endpoint=f"{issuer}/oauth/introspect",
            revocation_endpoint=f"{issuer}/oauth/revoke",
            response_types_supported=[],
            grant_types_supported=["client_credentials"],
            token_endpoint_auth_methods_supported=methods,
            introspection_endpoint_auth_methods_supported=methods,
            revocation_endpoint_auth_methods_supported=methods,
        )
        self.send(metadata, headers={"Cache-Control": "public, max-age=3600"})
