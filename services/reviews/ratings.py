"""What the reviews of a movie add up to, always computed whole from them: once or ten times is the same."""

from datetime import timedelta

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from chassis.database import Database
from reviews.models import Pending, Rating, Review
from reviews.shapes import MovieRating

REPAIRED_AT_ONCE = 1000  # reviews; the rest follows with the next round

ONE = select(Rating.count, Rating.total).where(Rating.movie_id == bindparam("movie_id"), Rating.count > 0)


async def get(database: Database, movie_id: int) -> MovieRating:
    for count, total in await database.rows(ONE, movie_id=movie_id):
        return MovieRating(movie_id, count=count, average=total / count)
    return MovieRating(movie_id, count=0, average=None)


def recompute(session: Session, movie_id: int) -> None:
    """Count the movie's reviews. Each step must see what was committed before it: READ COMMITTED."""
    session.execute(locked(movie_id))
    # What is struck off here was committed with its review, so the sum below has it.
    session.execute(delete(Pending).where(Pending.movie_id == movie_id))
    stars = select(func.count(), func.coalesce(func.sum(Review.stars), 0)).where(Review.movie_id == movie_id)
    count, total = session.execute(stars).one()
    session.execute(
        update(Rating)
        .where(Rating.movie_id == movie_id)
        .values(count=count, total=total, computed_at=func.now())
    )


def locked(movie_id: int) -> Insert:
    """Make the row or touch it: of two tasks for one movie the second waits, and then sums anew."""
    row = insert(Rating).values(movie_id=movie_id, count=0, total=0)
    same = {"movie_id": row.excluded.movie_id}
    return row.on_conflict_do_update(index_elements=[Rating.movie_id], set_=same)


def overdue(session: Session, *, after: timedelta) -> list[int]:
    """Return movies with reviews published `after` ago or before and not counted; mark them as published now.

    The caller publishes before it commits: a failure then leaves them overdue.
    """
    late = (
        select(Pending.id)
        .where(Pending.published_at < func.now() - after)
        .order_by(Pending.id)
        .limit(REPAIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    touched = (
        update(Pending)
        .where(Pending.id.in_(late))
        .values(published_at=func.now())
        .returning(Pending.movie_id)
    )
    return sorted(set(session.scalars(touched)))
