"""Writing and listing reviews, in SQL; knows nothing of HTTP, and leaves committing to the caller."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, Row, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database import Database
from reviews.models import Film, Pending, Review
from reviews.shapes import KnownMovie, ReviewInput

COLUMNS = (Review.id, Review.movie_id, Review.stars, Review.text, Review.author, Review.created_at)
Stored = Row[int, int, int, str, str | None, datetime]  # of COLUMNS

# Made once: to make one costs as much as to run it.
ADD = insert(Review).returning(*COLUMNS)
NEWEST = (
    select(*COLUMNS)
    .where(Review.movie_id == bindparam("movie_id"), Review.id < bindparam("before"))
    .order_by(Review.id.desc())
    .limit(bindparam("limit", type_=Integer))
)


async def add(
    connection: AsyncConnection, movie: KnownMovie, review: ReviewInput, *, author: str | None
) -> Stored:
    """Store the review and, in the same transaction, that the movie's rating has yet to count it."""
    await connection.execute(remember(movie))
    await connection.execute(insert(Pending).values(movie_id=movie.id))
    values = {"movie_id": movie.id, "stars": review.stars, "text": review.text, "author": author}
    return (await connection.execute(ADD, values)).one()


async def find(database: Database, movie_id: int, *, before: int, limit: int) -> Sequence[Stored]:
    """The movie's reviews, newest first, from the one older than `before`."""
    return await database.rows(NEWEST, movie_id=movie_id, before=before, limit=limit)


def remember(movie: KnownMovie) -> Insert:
    film = upsert(Film).values(movie_id=movie.id, title=movie.title, asked_at=func.now())
    return film.on_conflict_do_update(
        index_elements=[Film.movie_id],
        set_={"title": film.excluded.title, "asked_at": film.excluded.asked_at},
    )
