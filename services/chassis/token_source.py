"""The service's own access token, by client credentials (RFC 6749, 4.4)."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Callable
from urllib.parse import quote_plus

import aiohttp

from chassis import trace

EARLY = 0.8  # part of a token's life after which a new one is fetched


class ServiceUnavailable(Exception):
    """The service did not answer, answered with a gateway error, or its circuit is open."""


class TokenSource:
    """The service's own access token by client credentials, fetched early and by one caller at a time."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        issuer: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._address = f"{issuer}/oauth/token"
        # RFC 6749, 2.3.1: form-urlencoded first, so that any character survives.
        credentials = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
        self._authorization = f"Basic {base64.b64encode(credentials).decode()}"
        self._scope = scope
        self._clock = clock
        self._token = ""
        self._renew_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """Return a token with some of its life left. Raises ServiceUnavailable."""
        async with self._lock:
            if self._clock() >= self._renew_at:
                await self._fetch()
            return self._token

    def drop(self, token: str) -> None:
        """Forget a token that was refused, unless a newer one is here already."""
        if token == self._token:
            self._renew_at = float("-inf")

    async def _fetch(self) -> None:
        form = {"grant_type": "client_credentials", "scope": self._scope}
        try:
            headers = {**trace.headers(), "Authorization": self._authorization}
            async with self._http.post(
                self._address, data=form, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise ServiceUnavailable(f"the token issuer answered {answer.status}")
                grant = await answer.json()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise ServiceUnavailable(f"the token issuer does not answer: {error!r}") from error
        self._token = grant["access_token"]
        self._renew_at = self._clock() + grant["expires_in"] * EARLY * random.uniform(0.9, 1.0)  # noqa: S311 - spreads load
