"""Which tokens the issuer took back: a short list that every verifier reads anew every few seconds.

Without a list nothing is refused that was good before: an issuer that is away must not stop every service.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

from chassis.access_tokens import Claims

log = logging.getLogger("chassis.revocations")

AGE = 15.0  # seconds
PATIENCE = 0.5  # seconds that the first request waits for the first list


class RevocationList(msgspec.Struct, frozen=True):
    """Ids of tokens and of keys; and client id -> seconds since 1970, up to which its tokens are void."""

    tokens: list[str] = []
    clients: dict[str, int] = {}
    keys: list[str] = []

    def has(self, claims: Claims, kid: str) -> bool:
        """Say whether the token was taken back."""
        void_until = self.clients.get(claims.client_id, -1)
        return claims.jti in self.tokens or kid in self.keys or claims.iat <= void_until


Fetch = Callable[[], Awaitable[RevocationList]]


class Revocations:
    """The list as of the last few seconds; one fetch at a time, and nobody but the very first waits for it."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._list: RevocationList | None = None
        self._asked_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def has(self, claims: Claims, kid: str) -> bool:
        """Say whether the token was taken back, as far as is known here."""
        self.refresh()
        if self._list is None and self._refreshing:
            await asyncio.wait({self._refreshing}, timeout=PATIENCE)
        return self._list is not None and self._list.has(claims, kid)

    def refresh(self) -> None:
        """Fetch the list in the background when it is AGE old."""
        if self._refreshing is None and self._clock() - self._asked_at > AGE:
            self._asked_at = self._clock()
            self._refreshing = asyncio.create_task(self._load())
            self._refreshing.add_done_callback(self._forget)

    async def close(self) -> None:
        """Stop a fetch under way."""
        if self._refreshing:
            self._refreshing.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None

    async def _load(self) -> None:
        try:
            self._list = await self._fetch()
        except Exception as error:  # the list of before is better than none
            log.warning("revocations cannot be fetched: %s", error)


def revocations(http: aiohttp.ClientSession, issuer: str) -> Revocations:
    """Return the list that `issuer`/revocations serves, over a session that stays the caller's."""

    async def fetch() -> RevocationList:
        address = f"{issuer}/revocations"
        async with http.get(address, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=5)) as answer:
            if answer.status != 200:
                raise ValueError(f"{address} answered {answer.status}")
            return msgspec.json.decode(await answer.read(), type=RevocationList)

    return Revocations(fetch)
