"""Signing keys: introduce (publish), activate (sign), retire (withdraw), each only when no verifier can miss it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import RSAKey
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.migration_lock import lock_key
from tokens.grants import LIFETIME
from tokens.models import Audit, SigningKey
from tokens.sealing import Sealer

BITS = 2048
JWKS_MAX_AGE = 300  # seconds that verifiers may keep the published set
RING_AGE = 30  # seconds that each of our processes keeps it
SPREAD = timedelta(seconds=JWKS_MAX_AGE + RING_AGE)  # after this every verifier knows what was published
OVERLAP = timedelta(seconds=LIFETIME + RING_AGE + 60)  # after this no token of the former key is alive


class KeyChangeError(Exception):
    """The key cannot be changed so (now); the message says why and what to do."""


async def introduce(session: AsyncSession, sealer: Sealer) -> SigningKey:
    """Make a key and publish it; it does not sign yet. Raises AwsError while KMS cannot be asked."""
    key = RSAKey.generate_key(BITS)
    public = {**key.as_dict(private=False), "use": "sig", "alg": "RS256"}
    kid = hashlib.sha256(str(public["n"]).encode()).hexdigest()[:16]
    row = SigningKey(
        kid=kid,
        public_key={**public, "kid": kid},
        private_key=await sealer.seal(key.as_pem(private=True), kid),
    )
    session.add(row)
    session.add(Audit(event="key introduced", subject=kid, detail={}))
    await session.flush()
    await session.refresh(row)
    return row


async def activate(session: AsyncSession, kid: str, *, force: bool = False) -> None:
    """Sign with this key from now on. Raises KeyChangeError while verifiers may not know it, unless forced."""
    row, now = await _locked(session, kid)
    if row.retired_at is not None:
        raise KeyChangeError(f"key {kid}: is retired")
    if not force and now < row.introduced_at + SPREAD:
        ready = (row.introduced_at + SPREAD).isoformat(timespec="seconds")
        raise KeyChangeError(f"key {kid}: verifiers may not know it before {ready}; wait, or use --force")
    row.activated_at = now
    session.add(Audit(event="key activated", subject=kid, detail={"forced": force}))


async def retire(session: AsyncSession, kid: str, *, force: bool = False) -> None:
    """Withdraw a key and erase its private half. Raises KeyChangeError while it signs, or its tokens may live."""
    row, now = await _locked(session, kid)
    active = await active_key(session)
    if active is not None and active.kid == kid:
        raise KeyChangeError(f"key {kid}: signs at present; activate another first")
    if row.retired_at is not None:
        raise KeyChangeError(f"key {kid}: is retired already")
    since = active.activated_at if active and row.activated_at else None
    if not force and since is not None and now < since + OVERLAP:
        ready = (since + OVERLAP).isoformat(timespec="seconds")
        raise KeyChangeError(f"key {kid}: tokens it signed may live until {ready}; wait, or use --force")
    row.retired_at, row.private_key = now, None
    session.add(Audit(event="key retired", subject=kid, detail={"forced": force}))


async def revoke(session: AsyncSession, kid: str, sealer: Sealer) -> str | None:
    """Withdraw a key at once, living tokens and all: it may have leaked. Returns the kid that signs instead, if new.

    Verifiers learn of it from the list of revocations, within seconds.
    """
    row, now = await _locked(session, kid)
    active = await active_key(session)
    successor = None
    if active is not None and active.kid == kid:
        successor = (await introduce(session, sealer)).kid
        await activate(session, successor, force=True)
    row.retired_at, row.revoked_at, row.private_key = row.retired_at or now, now, None
    session.add(Audit(event="key revoked", subject=kid, detail={"successor": successor}))
    return successor


async def ensure_active(session: AsyncSession, sealer: Sealer) -> None:
    """Make the first key and sign with it, where there is none; processes that start together make one."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("first key")})
    if await active_key(session) is None:
        row = await introduce(session, sealer)
        await activate(session, row.kid, force=True)


async def published(session: AsyncSession) -> Sequence[SigningKey]:
    """Return the keys that verifiers should know, oldest first."""
    query = select(SigningKey).where(SigningKey.retired_at.is_(None)).order_by(SigningKey.introduced_at)
    return (await session.scalars(query)).all()


async def active_key(session: AsyncSession) -> SigningKey | None:
    """Return the key that signs: the one activated last."""
    query = (
        select(SigningKey)
        .where(SigningKey.retired_at.is_(None), SigningKey.activated_at.is_not(None))
        .order_by(SigningKey.activated_at.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def private_key(row: SigningKey, sealer: Sealer) -> RSAKey:
    """Return the key to sign with. Raises UnsealError, and AwsError while KMS cannot be asked."""
    return RSAKey.import_key(await sealer.unseal(row.private_key or b"", row.kid))


async def sealed_before(session: AsyncSession) -> list[SigningKey]:
    """Return the keys that a release from before KMS sealed, oldest first."""
    return [row for row in await published(session) if row.private_key and Sealer.is_old(row.private_key)]


async def reseal(session: AsyncSession, sealer: Sealer) -> list[str]:
    """Seal with KMS what was sealed before it; return the kids. Raises UnsealError and AwsError, changing nothing.

    A release from before KMS cannot open them any more.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("key change")})
    rows = await sealed_before(session)
    for row in rows:
        private = await sealer.unseal(row.private_key or b"", row.kid)
        row.private_key = await sealer.seal(private, row.kid)
        session.add(Audit(event="key sealed anew", subject=row.kid, detail={}))
    return [row.kid for row in rows]


def state(row: SigningKey, active: str | None) -> str:
    """Return a key's state in a word."""
    if row.retired_at is not None:
        return "retired"
    if row.kid == active:
        return "active"
    return "introduced" if row.activated_at is None else "former"


async def _locked(session: AsyncSession, kid: str) -> tuple[SigningKey, datetime]:
    """Return the row, and the database's time, with all other key changes held off until commit."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("key change")})
    row = await session.get(SigningKey, kid)
    if row is None:
        raise KeyChangeError(f"key {kid}: is unknown; `keys list` shows those there are")
    now: Any = await session.scalar(select(func.clock_timestamp()))
    return row, now
