"""The chart of the best rated movies: a Bayesian average, so that one enthusiast makes no number one."""

import msgspec
from sqlalchemy import Double, Select, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Database
from reviews.models import Chart, Film, Rating
from reviews.shapes import ChartEntry, TopChart

TOP = "top"
SIZE = 100  # entries
WEIGHT = 5  # reviews; with this many of its own a movie stands halfway between the mean and its average

ONE = select(Chart.items, Chart.computed_at).where(Chart.name == bindparam("chart"))


async def get(database: Database, *, limit: int) -> TopChart:
    for items, computed_at in await database.rows(ONE, chart=TOP):
        return TopChart(msgspec.convert(items[:limit], list[ChartEntry]), computed_at)
    return TopChart(items=[], computed_at=None)


def recompute(session: Session) -> None:
    """Store the chart as of now, unless a later one is there already."""
    computed_at = session.scalar(select(func.now()))
    rows = session.execute(best(SIZE))
    entries = [
        ChartEntry(movie_id, title, count, average=total / count) for movie_id, title, count, total in rows
    ]
    chart = insert(Chart).values(name=TOP, items=msgspec.to_builtins(entries), computed_at=computed_at)
    session.execute(
        chart.on_conflict_do_update(
            index_elements=[Chart.name],
            set_={"items": chart.excluded["items"], "computed_at": chart.excluded.computed_at},
            where=Chart.computed_at < chart.excluded.computed_at,
        )
    )


def best(size: int) -> Select[int, str, int, int]:
    """Ordered by (WEIGHT * mean of all reviews + own stars) / (WEIGHT + own reviews)."""
    mean = select(cast(func.sum(Rating.total), Double) / func.sum(Rating.count)).scalar_subquery()
    score = (WEIGHT * mean + Rating.total) / (WEIGHT + Rating.count)
    return (
        select(Rating.movie_id, Film.title, Rating.count, Rating.total)
        .join(Film, Film.movie_id == Rating.movie_id)
        .where(Rating.count > 0)
        .order_by(score.desc(), Rating.count.desc(), Rating.movie_id)
        .limit(size)
    )
