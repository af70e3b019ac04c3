"""What can be done with the catalogue, in SQL; knows nothing of HTTP, and leaves committing to the caller."""

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.database import Database
from movies.models import Movie
from movies.shapes import MovieInput

COLUMNS = (
    Movie.id,
    Movie.title,
    Movie.release_year,
    Movie.director,
    Movie.runtime_minutes,
    Movie.director_id,
    Movie.poster_key,
    Movie.version,
)
Stored = Row[*tuple[Any, ...]]  # of COLUMNS

# Made once: to make one costs as much as to run it.
ONE = select(*COLUMNS).where(Movie.id == bindparam("movie_id"))
ADD = insert(Movie).returning(*COLUMNS)


class MovieConflict(Exception):
    """The movie is no longer at the version that the caller has seen."""


@functools.cache
def matching(*, by_title: bool, by_director: bool) -> Select[*tuple[Any, ...]]:
    """Movies in order of id from the one behind `after`, `limit` of them: whose title contains the words of `title`,
    in any case, and which are by the director with this id.
    """
    behind = Movie.id > bindparam("after")
    movies = select(*COLUMNS).where(behind).order_by(Movie.id).limit(bindparam("limit", type_=Integer))
    if by_director:
        movies = movies.where(Movie.director_id == bindparam("director"))
    if not by_title:
        return movies
    title = bindparam("title", type_=String)
    # The first condition decides and is cheap to try on a row; the second is what the index can answer.
    return movies.where(
        func.strpos(func.lower(Movie.title), func.lower(title)) > 0,
        func.trigrams(Movie.title).op("@>")(func.trigrams(title)),
    )


async def find(
    database: Database, title: str, *, director: int | None, after: int, limit: int
) -> Sequence[Stored]:
    """Return movies as `matching` says; an empty title and no director choose nothing out."""
    asked = matching(by_title=title != "", by_director=director is not None)
    given = {"title": title, "director": director, "after": after, "limit": limit}
    return await database.rows(asked, **given)


async def get(database: Database, movie_id: int) -> Stored | None:
    found = await database.rows(ONE, movie_id=movie_id)
    return found[0] if found else None


async def add(connection: AsyncConnection, movie: MovieInput) -> Stored:
    return (await connection.execute(ADD, columns(movie))).one()


async def replace(
    connection: AsyncConnection, movie_id: int, movie: MovieInput, *, versions: set[int] | None
) -> Stored | None:
    """Return the movie as it is now, or None when there is none. `versions` None means whatever is there.

    Raises MovieConflict when the stored version is not among `versions`.
    """
    return await _change(connection, movie_id, columns(movie), versions=versions)


async def set_poster(
    connection: AsyncConnection, movie_id: int, key: str | None, *, versions: set[int] | None
) -> tuple[Stored, str | None] | None:
    """Return the movie as it is now and the key of the poster it had; None when there is no such movie.

    Raises MovieConflict as `replace` does.
    """
    former = await connection.scalar(select(Movie.poster_key).where(Movie.id == movie_id).with_for_update())
    changed = await _change(connection, movie_id, {"poster_key": key}, versions=versions)
    return None if changed is None else (changed, former)


async def remove(connection: AsyncConnection, movie_id: int, *, versions: set[int] | None) -> Stored | None:
    """Return the movie that was there, None when there was none. Raises MovieConflict as `replace` does."""
    gone = delete(Movie).where(Movie.id == movie_id, *expected(versions)).returning(*COLUMNS)
    removed = (await connection.execute(gone)).one_or_none()
    if removed is None:
        await refuse_if_there(connection, movie_id)
    return removed


async def _change(
    connection: AsyncConnection, movie_id: int, values: dict[str, object], *, versions: set[int] | None
) -> Stored | None:
    changed = (
        update(Movie)
        .where(Movie.id == movie_id, *expected(versions))
        .values(**values, version=Movie.version + 1)
        .returning(*COLUMNS)
    )
    movie = (await connection.execute(changed)).one_or_none()
    if movie is None:
        await refuse_if_there(connection, movie_id)
    return movie


async def refuse_if_there(connection: AsyncConnection, movie_id: int) -> None:
    """Raise MovieConflict when the movie is there after all: then it was its version that did not match."""
    if await connection.scalar(select(Movie.id).where(Movie.id == movie_id)) is not None:
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
