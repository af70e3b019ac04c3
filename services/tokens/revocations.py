"""Tokens taken back: one by its id, all of a client's, all of a key's; and the list from which verifiers learn it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.access_tokens import Claims
from chassis.revocations import RevocationList
from tokens.grants import LIFETIME
from tokens.models import Audit, Client, RevokedToken, SigningKey

LIST_MAX_AGE = 10  # seconds
MARGIN = timedelta(seconds=LIFETIME + 60)  # after this a token is refused for its age


class UnknownClient(Exception):
    """There is no such client."""


async def revoke_token(session: AsyncSession, claims: Claims) -> None:
    """Take one token back."""
    expires_at = datetime.fromtimestamp(claims.exp, UTC)
    row = {"jti": claims.jti, "client_id": claims.client_id, "expires_at": expires_at}
    await session.execute(delete(RevokedToken).where(RevokedToken.expires_at < func.now() - MARGIN))
    await session.execute(insert(RevokedToken).values(row).on_conflict_do_nothing())
    session.add(Audit(event="token revoked", subject=claims.client_id, detail={"jti": claims.jti}))


async def revoke_client(session: AsyncSession, client_id: str) -> None:
    """Take all living tokens of a client back; it may ask for new ones unless disabled. Raises UnknownClient."""
    client = await session.get(Client, client_id)
    if client is None:
        raise UnknownClient(f"client {client_id}: is unknown")
    client.revoked_at = datetime.now(UTC)
    session.add(Audit(event="tokens revoked", subject=client_id, detail={}))


async def current(session: AsyncSession) -> RevocationList:
    """Return what was taken back and could still be alive."""
    since: Any = func.now() - MARGIN
    jtis = await session.scalars(select(RevokedToken.jti).where(RevokedToken.expires_at > since))
    moment = func.greatest(Client.revoked_at, Client.disabled_at)
    clients = await session.execute(select(Client.client_id, moment).where(moment > since))
    kids = await session.scalars(select(SigningKey.kid).where(SigningKey.revoked_at > since))
    return RevocationList(
        tokens=sorted(jtis),
        clients={client_id: int(at.timestamp()) for client_id, at in sorted(tuple(row) for row in clients)},
        keys=sorted(kids),
    )
