"""Too many wrong secrets for one client from one address: then nothing is compared for a minute.

The address is in it so that a stranger at the public door cannot lock out a service inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.problems import ProblemError
from tokens.models import Audit

MOST = 10  # failures within WINDOW
WINDOW = 60  # seconds

LOCKED = text(
    "SELECT count >= :most FROM failures WHERE name = :name AND since > now() - :window * interval '1 second'"
)
COUNT = text(
    "INSERT INTO failures (name, count, since) VALUES (:name, 1, now()) ON CONFLICT (name) DO UPDATE SET"
    " count = CASE WHEN failures.since > now() - :window * interval '1 second' THEN failures.count + 1 ELSE 1 END,"
    " since = CASE WHEN failures.since > now() - :window * interval '1 second' THEN failures.since ELSE now() END"
    " RETURNING count"
)
PURGE = text(
    "DELETE FROM failures WHERE ctid IN (SELECT ctid FROM failures"
    " WHERE since < now() - :window * interval '1 second' LIMIT 10 FOR UPDATE SKIP LOCKED)"
)


def name(client_id: str, headers: Mapping[str, str], remote: str) -> str:
    """Return what is counted: the client id as sent, and the nearest address that a balancer vouches for."""
    forwarded = headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    return f"{client_id} {(forwarded or remote)[:64]}"


async def refuse_if_locked(session: AsyncSession, name: str) -> None:
    """End the request with 429, whether the client exists or not, after too many failures."""
    if await session.scalar(LOCKED, {"name": name, "most": MOST, "window": WINDOW}):
        raise ProblemError(429, detail="too many failed attempts", headers={"Retry-After": str(WINDOW)})


async def count_failure(session: AsyncSession, name: str) -> None:
    """Count a wrong secret; the one that locks is audited."""
    values: dict[str, Any] = {"name": name, "window": WINDOW}
    await session.execute(PURGE, {"window": WINDOW})
    if await session.scalar(COUNT, values) == MOST:
        session.add(Audit(event="client locked out", subject=name, detail={"seconds": WINDOW}))
