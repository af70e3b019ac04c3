"""The base of what clients ask by form: who they are, checked in constant time, and errors in RFC 6749's words."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis.problems import ProblemError
from chassis.web import Handler
from tokens import clients, lockout, requests
from tokens.clients import Known
from tokens.hashing import TooBusy
from tokens.requests import Credentials, OAuthError

log = logging.getLogger("tokens")

# RFC 6749, 5.1: neither caches nor proxies may keep the answer.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class Asked:
    """A form, and the client that sent it."""

    client_id: str
    client: Known
    values: dict[str, str]


class ClientHandler(Handler):
    """Reads a client's form and answers it in JSON, as RFC 6749 has it; an OAuthError becomes its response."""

    negotiates = False

    async def respond(self, work: Callable[[Asked], Awaitable[object]]) -> None:
        """Answer with what `work` returns, once the client is known."""
        try:
            answer = await work(await self._asked())
        except OAuthError as error:
            self._refuse(error)
            return
        self.send(answer, headers=NO_STORE)

    async def _asked(self) -> Asked:
        if self.request.query_arguments:
            raise OAuthError("invalid_request", "parameters should be in the body, not in the address")
        media = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        form = {name: self.get_body_arguments(name, strip=False) for name in self.request.body_arguments}
        values = requests.form_values(media, form)
        sent = requests.credentials(values, self.request.headers.get_list("Authorization"))
        return Asked(sent.client_id, await self._authenticated(sent), values)

    async def _authenticated(self, sent: Credentials) -> Known:
        name = lockout.name(sent.client_id, self.request.headers, self.request.remote_ip or "")
        async with self.dependencies.database.session() as session:
            await lockout.refuse_if_locked(session, name)
            client = await clients.find(session, sent.client_id)
        try:
            known = await self.dependencies.secrets.matches(client.hashes, sent.secret)
        except TooBusy as error:
            raise ProblemError(
                503, detail="too many requests at once", headers={"Retry-After": "1"}
            ) from error
        if not known:
            async with self.dependencies.database.session() as session:
                await lockout.count_failure(session, name)
            log.warning("client refused", extra={"client": sent.client_id})
            raise OAuthError("invalid_client", "unknown client or wrong secret", status=401)
        return client

    def _refuse(self, error: OAuthError) -> None:
        headers = dict(NO_STORE)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="tokens", charset="UTF-8"'
        body = {"error": error.error, "error_description": error.description}
        self.send(body, error.status, headers=headers)
