"""What can be done with the catalogue, in SQL; knows nothing of HTTP, and leaves committing to the caller."""

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from movies.models import Movie
from movies.shapes import MovieInput


class MovieConflict(Exception):
    """The movie is no longer at the version that the caller has seen."""


def matching(title: str, *, director: int | None = None, after: int, limit: int) -> Select[Movie]:
    """Movies whose title contains these words, in any case, in order of id from the one behind `after`."""
    movies = select(Movie).where(Movie.id > after).order_by(Movie.id).limit(limit)
    if director is not None:
        movies = movies.where(Movie.director_id == director)
    if not title:
        return movies
    # The first condition decides and is cheap to try on a row; the second is what the index can answer.
    return movies.where(
        func.strpos(func.lower(Movie.title), func.lower(title)) > 0,
        func.trigrams(Movie.title).op("@>")(func.trigrams(title)),
    )


async def find(
    session: AsyncSession, title: str, *, director: int | None, after: int, limit: int
) -> list[Movie]:
    return list(await session.scalars(matching(title, director=director, after=after, limit=limit)))


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
    return await _change(session, movie_id, columns(movie), versions=versions)


async def set_poster(
    session: AsyncSession, movie_id: int, key: str | None, *, versions: set[int] | None
) -> tuple[Movie, str | None] | None:
    """Return the movie as it is now and the key of the poster it had; None when there is no such movie.

    Raises MovieConflict as `replace` does.
    """
    former = await session.scalar(select(Movie.poster_key).where(Movie.id == movie_id).with_for_update())
    changed = await _change(session, movie_id, {"poster_key": key}, versions=versions)
    return None if changed is None else (changed, former)


async def remove(session: AsyncSession, movie_id: int, *, versions: set[int] | None) -> Movie | None:
    """Return the movie that was there, None when there was none. Raises MovieConflict as `replace` does."""
    gone = delete(Movie).where(Movie.id == movie_id, *expected(versions)).returning(Movie)
    removed = await session.scalar(gone)
    if removed is None:
        await refuse_if_there(session, movie_id)
    return removed


async def _change(
    session: AsyncSession, movie_id: int, values: dict[str, object], *, versions: set[int] | None
) -> Movie | None:
    changed = (
        update(Movie)
        .where(Movie.id == movie_id, *expected(versions))
        .values(**values, version=Movie.version + 1)
        .returning(Movie)
    )
    movie = await session.scalar(changed)
    if movie is None:
        await refuse_if_there(session, movie_id)
    return movie


async def refuse_if_there(session: AsyncSession, movie_id: int) -> None:
    """Raise MovieConflict when the movie is there after all: then it was its version that did not match."""
    if await get(session, movie_id) is not None:
        raise MovieConflict(movie_id)


def expected(versions: set[int] | None) -> list[ColumnElement[bool]]:
    return [] if versions is None else [Movie.version.in_(versions)]


def columns(movie: MovieInput) -> dict[str, object]:
    return {
        "title": movie.title,
        "release_year": movie.year,
        "director": movie.director,
        "runtime_minutes": movie.runtime_minutes,
    }
