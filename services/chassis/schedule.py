"""The rows that remember when each scheduled task was last sent, and for which moment it was last done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Column, DateTime, MetaData, Table, Text, text
from sqlalchemy.orm import Session

# Headers of a scheduled task: the run before it, which names this one; and the name of its entry in the schedule.
MOMENT, NAME = "x_schedule_moment", "x_schedule_name"

CLAIM = text(
    "UPDATE schedule SET done_for = CAST(:moment AS timestamptz) WHERE name = :name"
    " AND (done_for IS NULL OR done_for < CAST(:moment AS timestamptz)) RETURNING name"
)


def table(metadata: MetaData) -> Table:
    """Add the table to a service's metadata; a migration of the service makes it."""
    return Table(
        "schedule",
        metadata,
        Column("name", Text, primary_key=True),
        Column("last_run_at", DateTime(timezone=True), nullable=False),
        Column("done_for", DateTime(timezone=True)),
    )


def last_runs(connection: psycopg.Connection[Any], names: Sequence[str]) -> dict[str, datetime]:
    """Return when each was last sent; one that is new counts from now."""
    connection.execute(
        "INSERT INTO schedule (name, last_run_at) SELECT name, now() FROM unnest(%s::text[]) AS name"
        " ON CONFLICT (name) DO NOTHING",
        (list(names),),
    )
    found = connection.execute("SELECT name, last_run_at FROM schedule WHERE name = ANY(%s)", (list(names),))
    return dict(found.fetchall())


def ran(connection: psycopg.Connection[Any], name: str, at: datetime) -> None:
    """Remember that the task was sent."""
    connection.execute("UPDATE schedule SET last_run_at = %s WHERE name = %s", (at, name))


def is_first(session: Session, request: Any) -> bool:
    """Say whether this is the first time that a scheduled task is done for its moment; in the work's own transaction.

    `request` is the Celery task's. A task that nobody scheduled is always the first.
    """
    moment = _header(request, MOMENT)
    if not moment:
        return True
    # A beat of before sends no name; its entries were called as their tasks.
    name = _header(request, NAME) or request.task
    return session.scalar(CLAIM, {"name": name, "moment": moment}) is not None


def _header(request: Any, name: str) -> Any:
    """Return what a worker finds as a member of the request, a task applied in place among its headers."""
    return request.get(name) or (request.get("headers") or {}).get(name)
