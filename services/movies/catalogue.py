"""What can be done with the catalogue, in SQL; knows nothing of HTTP, and leaves committing to the caller."""

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from movies.models import Movie
from movies.shapes import MovieInput


class MovieConflict(Exception):
    """The movie is no longer at the version that the caller has seen."""


def matching(title: str, *, after: int, limit: int) -> Select[Movie]:
    """Movies whose title contains these words, in any case, in order of id from the one behind `after`."""
    movies = select(Movie).where(Movie.id > after).order_by(Movie.id).limit(limit)
    if not title:
        return movies
    # The first condition decides and is cheap to try on a row; the second is what the index can answer.
    return movies.where(
        func.strpos(func.lower(Movie.title), func.lower(title)) > 0,
        func.trigrams(Movie.title).op("@>")(func.trigrams(title)),
    )


async def find(session: AsyncSession, title: str, *, after: int, limit: int) -> list[Movie]:
    return list(await session.scalars(matching(title, after=after, limit=limit)))


async def get(session: AsyncSession, movie_id: int) -> Movie | None:
    return await session.get(Movie, movie_id)


async def add(session: AsyncSession, movie: MovieInput) -> Movie:
    return (await session.scalars(insert(Movie).values(**columns(movie)).returning(Movie))).one()


async def replace(
    session: AsyncSession, movie_id: int, movie: MovieInput, *, versions: set[int] | None
) -> Movie | None:
    """Return the movie as it is now, or None when there is none. `versions` None means whatever is there.

    Raises MovieConflict when the stored version is not among `versions`.
    """
    changed = (
        update(Movie)
        .where(Movie.id == movie_id, *expected(versions))
        .values(**columns(movie), version=Movie.version + 1)
        .returning(Movie)
    )
    replaced = await session.scalar(changed)
    if replaced is None:
        await refuse_if_there(session, movie_id)
    return replaced


async def remove(session: AsyncSession, movie_id: int, *, versions: set[int] | None) -> bool:
    """Return whether there was such a movie. Raises MovieConflict as `replace` does."""
    gone = delete(Movie).where(Movie.id == movie_id, *expected(versions)).returning(Movie.id)
    found = await session.scalar(gone) is not None
    if not found:
        await refuse_if_there(session, movie_id)
    return found


async def refuse_if_there(session: AsyncSession, movie_id: int) -> None:
    """Raise MovieConflict when the movie is there after all: then it was its version that did not match."""
    if await get(session, movie_id) is not None:
        raise MovieConflict(movie_id)


def expected(versions: set[int] | None) -> list[ColumnElement[bool]]:
    return [] if versions is None else [Movie.version.in_(versions)]


def columns(movie: MovieInput) -> dict[str, object]:
    return {
        "title": movie.title,
        "year": movie.year,
        "director": movie.director,
        "runtime_minutes": movie.runtime_minutes,
    }
