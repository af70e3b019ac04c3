"""Writing and listing reviews, in SQL; knows nothing of HTTP, and leaves committing to the caller."""

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from reviews.models import Film, Pending, Review
from reviews.shapes import KnownMovie, ReviewInput


async def add(session: AsyncSession, movie: KnownMovie, review: ReviewInput, *, author: str | None) -> Review:
    """Store the review and, in the same transaction, that the movie's rating has yet to count it."""
    await session.execute(remember(movie))
    await session.execute(insert(Pending).values(movie_id=movie.id))
    values = {"movie_id": movie.id, "stars": review.stars, "text": review.text, "author": author}
    return (await session.scalars(insert(Review).values(values).returning(Review))).one()


async def find(session: AsyncSession, movie_id: int, *, before: int, limit: int) -> list[Review]:
    """The movie's reviews, newest first, from the one older than `before`."""
    reviews = select(Review).where(Review.movie_id == movie_id, Review.id < before)
    return list(await session.scalars(reviews.order_by(Review.id.desc()).limit(limit)))


def remember(movie: KnownMovie) -> Insert:
    film = upsert(Film).values(movie_id=movie.id, title=movie.title, asked_at=func.now())
    return film.on_conflict_do_update(
        index_elements=[Film.movie_id],
        set_={"title": film.excluded.title, "asked_at": film.excluded.asked_at},
    )
