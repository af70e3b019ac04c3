"""The issuer's public keys: fetched when first needed, cached as long as the issuer says, kept when it is away."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

log = logging.getLogger("chassis.jwks")

MIN_AGE, MAX_AGE, DEFAULT_AGE = 30.0, 3600.0, 300.0  # seconds
COOLDOWN = 10.0  # seconds between two fetches: unknown key ids must not become load on the issuer
MIN_BITS = 2048


class KeysUnavailable(Exception):
    """No key set was ever fetched and the issuer does not answer."""


@dataclass(frozen=True)
class KeySet:
    """Keys by id, and for how many seconds they may be used without asking again."""

    keys: Mapping[str, RSAKey]
    max_age: float


Fetch = Callable[[], Awaitable[KeySet]]


class KeyStore:
    """Caches what `fetch` returns. One fetch at a time; an unknown key id fetches again, at most every COOLDOWN."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        cooldown: float = COOLDOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._cooldown = cooldown
        self._clock = clock
        self._set: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def get(self, kid: str) -> RSAKey | None:
        """Return the key of that id, None when the issuer has none. Raises KeysUnavailable."""
        if self._set is None or kid not in self._set.keys:
            if refreshing := self._refresh():
                # Shielded: a caller that gives up must not take the answer from the others.
                await asyncio.shield(refreshing)
        elif self._clock() - self._fetched_at > self._set.max_age:
            self._refresh()  # nobody waits: the known key serves until the new set is here
        if self._set is None:
            raise KeysUnavailable("the issuer's keys were never fetched")
        return self._set.keys.get(kid)

    def warm(self) -> None:
        """Fetch the keys in the background, before the first request asks for one."""
        if self._set is None:
            self._refresh()

    async def close(self) -> None:
        """Stop a fetch under way."""
        if self._refreshing:
            self._refreshing.cancel()

    def _refresh(self) -> asyncio.Task[None] | None:
        if self._refreshing is None:
            # A process that has no keys at all can serve nobody, so it asks more often.
            cooldown = self._cooldown if self._set else min(self._cooldown, 1.0)
            if self._clock() - self._tried_at < cooldown:
                return None
            self._refreshing = asyncio.create_task(self._load())
            self._refreshing.add_done_callback(self._forget)
        return self._refreshing

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._refreshing = None

    async def _load(self) -> None:
        self._tried_at = self._clock()
        try:
            self._set = await self._fetch()
        except Exception as error:  # whatever went wrong, older keys are better than none
            log.warning("the issuer's keys cannot be fetched: %s", error)
        else:
            self._fetched_at = self._clock()


def key_store(http: aiohttp.ClientSession, issuer: str) -> KeyStore:
    """Return a store that fetches `issuer`/.well-known/jwks.json over a session that stays the caller's."""

    async def fetch() -> KeySet:
        address = f"{issuer}/.well-known/jwks.json"
        async with http.get(address, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=5)) as answer:
            if answer.status != 200:
                raise ValueError(f"{address} answered {answer.status}")
            return key_set(await answer.json(content_type=None), answer.headers.get("Cache-Control", ""))

    return KeyStore(fetch)


def key_set(document: Any, cache_control: str = "") -> KeySet:
    """Read a JWK set (RFC 7517): RSA keys for RS256 signatures with an id; everything else is passed over."""
    keys = {}
    for member in document["keys"]:
        if (
            member.get("kty") != "RSA"
            or member.get("use", "sig") != "sig"
            or member.get("alg", "RS256") != "RS256"
        ):
            continue
        try:
            key = RSAKey.import_key({name: member[name] for name in ("kty", "n", "e")})
        except (JoseError, ValueError, KeyError):
            continue
        if isinstance(member.get("kid"), str) and key.raw_value.key_size >= MIN_BITS:
            keys[member["kid"]] = key
    age = re.search(r"max-age=(\d{1,9})", cache_control)
    return KeySet(keys, min(max(float(age[1]) if age else DEFAULT_AGE, MIN_AGE), MAX_AGE))
