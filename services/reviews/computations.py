"""Requests that the chart be computed now: made, done and told of, in SQL; leaves committing to the caller.

A request is a row, and the row is its own entry in the outbox: while it is not finished, its task can be published
again. A task that comes twice finds that there is nothing left to do.
"""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, false, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from reviews import charts
from reviews.models import QUEUED, Computation

TRIES = 3  # below the queue's own five, after which it would keep the message among the dead
LOST = timedelta(minutes=10)  # longer than the queue waits for a worker to acknowledge, six minutes
KEPT = timedelta(days=1)
AT_ONCE = 1000  # rows; the rest follows with the next round


async def request(session: AsyncSession) -> tuple[Computation, bool]:
    """Return the computation that waits to begin, and whether this made it: who asks meanwhile shares it.

    One that runs is not shared: it may have read before what the caller wants to see.
    """
    row = insert(Computation).values(chart=charts.TOP)
    # Touched, so that it cannot begin before this is committed.
    shared = row.on_conflict_do_update(
        index_elements=[Computation.chart], index_where=QUEUED, set_={"chart": row.excluded.chart}
    )
    made = Computation.requested_at == func.now()  # the time at which this transaction began
    computation, is_new = (await session.execute(shared.returning(Computation, made))).one()
    return computation, is_new


async def get(session: AsyncSession, computation_id: int) -> Computation | None:
    return await session.get(Computation, computation_id)


def begin(session: Session, computation_id: int) -> bool:
    """Say whether it is to be computed: not when it is finished, nor when TRIES were not enough: then it has failed."""
    own = _unfinished(computation_id)
    failed = update(Computation).where(*own, Computation.tries >= TRIES)
    session.execute(failed.values(failed=true(), finished_at=func.now()))
    begun = update(Computation).where(*own).values(started_at=func.now(), tries=Computation.tries + 1)
    return session.scalar(begun.returning(Computation.id)) is not None


def compute(session: Session, computation_id: int) -> None:
    """Compute the chart and note that it is done, in one transaction: there is never the one without the other."""
    charts.recompute(session)
    done = update(Computation).where(Computation.id == computation_id)
    session.execute(done.values(failed=false(), finished_at=func.clock_timestamp()))


def overdue(session: Session, *, after: timedelta) -> list[int]:
    """Return those published `after` ago or before that nobody began, or began LOST ago; mark them as published now.

    The caller publishes before it commits: a failure then leaves them overdue.
    """
    left = or_(Computation.started_at.is_(None), Computation.started_at < func.now() - LOST)
    late = (
        select(Computation.id)
        .where(Computation.finished_at.is_(None), left, Computation.published_at < func.now() - after)
        .order_by(Computation.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    touched = update(Computation).where(Computation.id.in_(late)).values(published_at=func.now())
    return sorted(session.scalars(touched.returning(Computation.id)))


def prune(session: Session) -> None:
    """Forget those that were finished KEPT ago."""
    old = select(Computation.id).where(Computation.finished_at < func.now() - KEPT).limit(AT_ONCE)
    session.execute(delete(Computation).where(Computation.id.in_(old)))


def _unfinished(computation_id: int) -> tuple[ColumnElement[bool], ...]:
    return (Computation.id == computation_id, Computation.finished_at.is_(None))
