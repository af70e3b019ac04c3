"""Idempotency-Key on POST: a request sent twice is done once, and answered both times as the first time.

The key is stored in the transaction that does the work, so there is no moment in which one is there without the
other. https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, DateTime, Index, MetaData, SmallInteger, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.handler import Answer, Handler
from chassis.problems import ProblemError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"  # on an answer that was given before
WAIT = "2s"  # for a request with the same key that is under way
LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

PURGE = text(
    "DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys"
    " WHERE created_at < now() - interval '24 hours' LIMIT 10 FOR UPDATE SKIP LOCKED)"
)
CLAIM = text(
    "INSERT INTO idempotency_keys (owner, key, fingerprint) VALUES (:owner, :key, :fingerprint)"
    " ON CONFLICT (owner, key) DO NOTHING RETURNING key"
)
EARLIER = text(
    "SELECT fingerprint, status, headers, answer FROM idempotency_keys WHERE owner = :owner AND key = :key"
)
STORE = text(
    "UPDATE idempotency_keys SET status = :status, headers = CAST(:headers AS jsonb), answer = :answer"
    " WHERE owner = :owner AND key = :key"
)

Work = Callable[[AsyncConnection], Awaitable[Answer]]


def table(metadata: MetaData) -> Table:
    """Add the table to a service's metadata; a migration of the service makes it."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("owner", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
        Column("status", SmallInteger),
        Column("headers", JSONB),
        Column("answer", Text),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )


@dataclass(frozen=True)
class Claim:
    """Whose key it is (client, method and path), the key, and a digest of what was asked."""

    owner: str
    key: str
    fingerprint: str


async def once(handler: Handler, work: Work) -> Answer:
    """Do `work` in a transaction and return its answer; with a key that is known, return the answer of then.

    Without the header the work is simply done. Ends the request with 400 for a malformed key, 409 while the first
    request is under way, 422 for a key that was used with another body.
    """
    claim = _claim(handler)
    async with handler.dependencies.database.transaction() as connection:
        if claim is None:
            return await work(connection)
        if earlier := await _earlier(connection, claim):
            return earlier
        answer = await work(connection)
        await connection.execute(STORE, {"owner": claim.owner, "key": claim.key, **_stored(answer)})
        return answer


def _claim(handler: Handler) -> Claim | None:
    given = handler.request.headers.get_list(HEADER)
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise ProblemError(
            400, detail=f"{HEADER} should be 1 to 255 visible ASCII characters, and stand once"
        )
    client = handler.claims.client_id if handler.claims else ""
    owner = f"{client} {handler.request.method} {handler.request.path}"
    return Claim(owner, given[0], hashlib.sha256(handler.request.body).hexdigest())


async def _earlier(connection: AsyncConnection, claim: Claim) -> Answer | None:
    """Make the key ours, waiting for one who holds it; return the stored answer if it was there already."""
    values = {"owner": claim.owner, "key": claim.key}
    await connection.execute(PURGE)
    await connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT}'"))
    try:
        claimed = await connection.scalar(CLAIM, {**values, "fingerprint": claim.fingerprint})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        detail = "a request with this key is under way"
        raise ProblemError(409, detail=detail, headers={"Retry-After": "1"}) from error
    await connection.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    if claimed is not None:
        return None
    row: Any = (await connection.execute(EARLIER, values)).one()
    if row.fingerprint != claim.fingerprint:
        raise ProblemError(422, detail=f"this {HEADER} was used with another body")
    headers = {**(row.headers or {}), REPLAYED: "true"}
    return Answer(msgspec.Raw(row.answer.encode()), row.status, headers)


def _stored(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "headers": msgspec.json.encode(answer.headers).decode(),
        "answer": msgspec.json.encode(answer.value).decode(),
    }
