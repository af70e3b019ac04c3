"""The tasks: rate a movie (queued after each review), compute the chart (scheduled, and queued when somebody asks),
repair what got lost (scheduled).

Each may run twice or late: what it writes follows from the reviews alone.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import Celery

from chassis import schedule
from chassis.database import SyncDatabase
from chassis.tasks import QueueNames, celery_app
from reviews import charts, computations, ratings

RATE = "reviews.rate"
REPAIR = "reviews.repair"
CHART = "reviews.chart"
COMPUTE = "reviews.compute"
REPAIR_SECONDS = 15.0


def make_tasks(
    settings: QueueNames,
    connect: Callable[[], SyncDatabase],
    *,
    chart_seconds: float,
    repair_seconds: float = REPAIR_SECONDS,
) -> Celery:
    """Return the Celery app with the tasks. `connect` is called once, in the process that runs them."""
    app = celery_app(
        settings, schedule={CHART: every(chart_seconds, CHART), REPAIR: every(repair_seconds, REPAIR)}
    )
    # Not before the first task: a worker forks after this, and connections do not survive that.
    database = functools.cache(connect)
    rate, compute = _asked_for(app, database)
    _scheduled(app, database, rate, compute, overdue=timedelta(seconds=2 * repair_seconds))
    return app


def _asked_for(app: Celery, database: Callable[[], SyncDatabase]) -> tuple[Any, Any]:
    """Make the tasks that requests ask for: to rate a movie, to compute the chart now."""

    @app.task(name=RATE, shared=False)
    def rate(movie_id: int) -> None:
        with database().session() as session:
            ratings.recompute(session, movie_id)

    @app.task(name=COMPUTE, shared=False)
    def compute(computation_id: int) -> None:
        with database().session() as session:
            is_due = computations.begin(session, computation_id)
        if is_due:
            with database().session() as session:
                computations.compute(session, computation_id)

    return rate, compute


def _scheduled(
    app: Celery, database: Callable[[], SyncDatabase], rate: Any, compute: Any, *, overdue: timedelta
) -> None:
    """Make the tasks that beat asks for: to compute the chart, to publish again what got lost."""

    @app.task(name=CHART, shared=False, bind=True)
    def chart(task: Any) -> None:
        with database().session() as session:
            if schedule.is_first(session, task.request):
                charts.recompute(session)

    @app.task(name=REPAIR, shared=False, bind=True)
    def repair(task: Any) -> None:
        with database().session() as session:
            if not schedule.is_first(session, task.request):
                return
            for movie_id in ratings.overdue(session, after=overdue):
                rate.apply_async([movie_id], retry=False)
            for computation_id in computations.overdue(session, after=overdue):
                compute.apply_async([computation_id], retry=False)
            computations.prune(session)


def every(seconds: float, task: str) -> dict[str, object]:
    """Return the schedule entry; what no worker took by the next time is out of date, and is dropped."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}
