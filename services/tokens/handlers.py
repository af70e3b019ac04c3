"""HTTP of the issuer: the token endpoint, the published keys and the metadata."""

from __future__ import annotations

import logging
import time
import uuid

from chassis.problems import ProblemError
from chassis.web import Handler
from tokens import clients, grants, requests
from tokens.hashing import TooBusy
from tokens.keys import JWKS_MAX_AGE
from tokens.requests import OAuthError, TokenRequest

log = logging.getLogger("tokens")


class TokenHandler(Handler):
    """POST /oauth/token: client credentials in, an access token out (RFC 6749, 4.4)."""

    async def post(self) -> None:
        try:
            request = self._read()
            answer = await self._grant(request)
        except OAuthError as error:
            self._refuse(error)
            return
        # RFC 6749, 5.1: neither caches nor proxies may keep the answer.
        self.send(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _read(self) -> TokenRequest:
        if self.request.query_arguments:
            raise OAuthError("invalid_request", "parameters should be in the body, not in the address")
        media = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        form = {name: self.get_body_arguments(name, strip=False) for name in self.request.body_arguments}
        return requests.read(media, form, self.request.headers.get_list("Authorization"))

    async def _grant(self, request: TokenRequest) -> dict[str, object]:
        async with self.dependencies.database.session() as session:
            client = await clients.find(session, request.client_id)
        try:
            known = await self.dependencies.secrets.matches(client.hashes, request.client_secret)
        except TooBusy as error:
            raise ProblemError(
                503, detail="too many requests at once", headers={"Retry-After": "1"}
            ) from error
        if not known:
            log.warning("client refused", extra={"client": request.client_id})
            raise OAuthError("invalid_client", "unknown client or wrong secret", status=401)
        scopes = grants.granted(request.scopes, client.scopes)
        claims = grants.claims(
            request.client_id,
            scopes,
            issuer=self.dependencies.issuer,
            now=int(time.time()),
            jti=uuid.uuid4().hex,
        )
        token = await self.dependencies.ring.sign(claims)
        log.info(
            "token issued", extra={"client": request.client_id, "jti": claims["jti"], "aud": claims["aud"]}
        )
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": grants.LIFETIME,
            "scope": claims["scope"],
        }

    def _refuse(self, error: OAuthError) -> None:
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="tokens", charset="UTF-8"'
        self.send(
            {"error": error.error, "error_description": error.description}, error.status, headers=headers
        )


class KeysHandler(Handler):
    """GET /.well-known/jwks.json: the public keys (RFC 7517), cacheable."""

    async def get(self) -> None:
        public = await self.dependencies.ring.public()
        self.send({"keys": public}, headers={"Cache-Control": f"public, max-age={JWKS_MAX_AGE}"})


class MetadataHandler(Handler):
    """GET /.well-known/oauth-authorization-server: what this issuer can do (RFC 8414)."""

    def get(self) -> None:
        issuer = self.dependencies.issuer
        self.send(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}/oauth/token",
                "jwks_uri": f"{issuer}/.well-known/jwks.json",
                "response_types_supported": [],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            },
            headers={"Cache-Control": "public, max-age=3600"},
        )
