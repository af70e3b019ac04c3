"""Who directed the movies of the catalogue, in SQL; somebody whose last movie is gone is not shown."""

from sqlalchemy import Select, func, select

from chassis.database import Database
from movies.models import Director, Movie
from movies.shapes import DirectorOutput


def found(name: str, *, after: int, limit: int) -> Select[int, str, int]:
    """Those whose name contains these words, in any case, in order of id from the one behind `after`."""
    chosen = shown().where(Director.id > after).order_by(Director.id).limit(limit)
    if not name:
        return chosen
    return chosen.where(
        func.strpos(func.lower(Director.name), func.lower(name)) > 0,
        func.trigrams(Director.name).op("@>")(func.trigrams(name)),
    )


async def find(database: Database, name: str, *, after: int, limit: int) -> list[DirectorOutput]:
    return [DirectorOutput(*row) for row in await database.rows(found(name, after=after, limit=limit))]


async def get(database: Database, director_id: int) -> DirectorOutput | None:
    rows = await database.rows(shown().where(Director.id == director_id))
    return DirectorOutput(*rows[0]) if rows else None


def shown() -> Select[int, str, int]:
    own = Movie.director_id == Director.id
    count = select(func.count()).where(own).correlate(Director).scalar_subquery()
    return select(Director.id, Director.name, count).where(select(Movie.id).where(own).exists())
