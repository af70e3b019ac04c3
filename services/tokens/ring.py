"""What one process keeps of the signing keys: the one that signs and the published set, for half a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from chassis.access_tokens import ALGORITHM, TYPE
from chassis.database import Database
from tokens import keys


@dataclass(frozen=True)
class _Loaded:
    kid: str
    key: RSAKey
    public: list[dict[str, Any]]
    at: float


class KeyRing:
    """Signs, and shows the public keys; reads the database again when its knowledge is RING_AGE old."""

    def __init__(
        self, database: Database, secret: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock
        self._loaded: _Loaded | None = None
        self._lock = asyncio.Lock()

    async def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed access token."""
        loaded = await self._current()
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": loaded.kid}
        return jwt.encode(header, claims, loaded.key, algorithms=[ALGORITHM])

    async def public(self) -> list[dict[str, Any]]:
        """Return the published keys as JWKs."""
        return (await self._current()).public

    async def public_key(self, kid: str) -> RSAKey | None:
        """Return the published key of that id."""
        for member in await self.public():
            if member["kid"] == kid:
                return RSAKey.import_key(member)
        return None

    async def _current(self) -> _Loaded:
        async with self._lock:
            if self._loaded is None or self._clock() - self._loaded.at > keys.RING_AGE:
                self._loaded = await self._load()
            return self._loaded

    async def _load(self) -> _Loaded:
        async with self._database.session() as session:
            active = await keys.active_key(session)
            if active is None:
                await keys.ensure_active(session, self._secret)
                active = await keys.active_key(session)
            if active is None:
                raise RuntimeError("there is no signing key and none could be made")
            public = [row.public_key for row in await keys.published(session)]
        return _Loaded(active.kid, keys.private_key(active, self._secret), public, self._clock())
