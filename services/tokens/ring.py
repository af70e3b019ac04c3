"""What one process keeps of the signing keys: the one that signs and the published set, for half a minute."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from chassis.access_tokens import ALGORITHM, TYPE
from chassis.database import Database
from chassis.problems import Unavailable
from tokens import keys
from tokens.models import SigningKey
from tokens.sealing import Sealer, UnsealError

OPENING = 2.0  # seconds that requests wait for KMS to open a key
AGAIN = 10.0  # seconds until one that could not be opened is tried again, while the former signs,
SOON = 1.0  # and while none does

log = logging.getLogger("tokens.ring")


class NoKey(Unavailable):
    """There is no key to sign with at present."""


@dataclass(frozen=True)
class _Signer:
    kid: str
    key: RSAKey


@dataclass(frozen=True)
class _Loaded:
    signer: _Signer | None
    public: list[dict[str, Any]]
    until: float


class KeyRing:
    """Signs, and shows the public keys; reads the database again when its knowledge is RING_AGE old.

    KMS is asked once for each key. While it cannot be asked, the former key goes on signing as long as it is published.
    """

    def __init__(
        self, database: Database, sealer: Sealer, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._loaded: _Loaded | None = None
        self._lock = asyncio.Lock()

    async def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed access token. Raises NoKey."""
        signer = (await self._current()).signer
        if signer is None:
            raise NoKey("no signing key could be opened")
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": signer.kid}
        return jwt.encode(header, claims, signer.key, algorithms=[ALGORITHM])

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
            if self._loaded is None or self._clock() > self._loaded.until:
                self._loaded = await self._load()
            return self._loaded

    async def _load(self) -> _Loaded:
        async with self._database.session() as session:
            active = await keys.active_key(session)
            if active is None:
                await keys.ensure_active(session, self._sealer)
                active = await keys.active_key(session)
            if active is None:
                raise NoKey("there is no signing key and none could be made")
            public = [row.public_key for row in await keys.published(session)]
        signer = await self._signer(active, {member["kid"] for member in public})
        is_active = signer is not None and signer.kid == active.kid
        age = keys.RING_AGE if is_active else AGAIN if signer else SOON
        return _Loaded(signer, public, self._clock() + age)

    async def _signer(self, active: SigningKey, published: set[str]) -> _Signer | None:
        former = self._loaded.signer if self._loaded else None
        if former is not None and former.kid == active.kid:
            return former
        try:
            async with asyncio.timeout(OPENING):
                return _Signer(active.kid, await keys.private_key(active, self._sealer))
        except (UnsealError, Unavailable, TimeoutError) as error:
            log.error("the active key cannot be opened: %s", str(error) or "KMS does not answer")
            return former if former is not None and former.kid in published else None
