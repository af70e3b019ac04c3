"""The tasks: rate a movie (queued after each review), repair what got lost, compute the chart (both scheduled).

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
from reviews import charts, ratings

RATE = "reviews.rate"
REPAIR = "reviews.repair"
CHART = "reviews.chart"
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
    overdue = timedelta(seconds=2 * repair_seconds)
    # Not before the first task: a worker forks after this, and connections do not survive that.
    database = functools.cache(connect)

    @app.task(name=RATE, shared=False)
    def rate(movie_id: int) -> None:
        with database().session() as session:
            ratings.recompute(session, movie_id)

    @app.task(name=REPAIR, shared=False, bind=True)
    def repair(task: Any) -> None:
        with database().session() as session:
            if not schedule.is_first(session, task.request):
                return
            for movie_id in ratings.overdue(session, after=overdue):
                rate.apply_async([movie_id], retry=False)

    @app.task(name=CHART, shared=False, bind=True)
    def chart(task: Any) -> None:
        with database().session() as session:
            if schedule.is_first(session, task.request):
                charts.recompute(session)

    return app


def every(seconds: float, task: str) -> dict[str, object]:
    """Return the schedule entry; what no worker took by the next time is out of date, and is dropped."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}
