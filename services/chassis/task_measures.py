"""What a worker measures of its tasks: how many, how many failed, how long they took and how long they had waited."""

from __future__ import annotations

import time
from typing import Any

import celery.signals

from chassis.emf import Tally
from chassis.settings import ProcessSettings

SENT_AT = "x_sent_at"  # header: when the task was put into the queue, seconds since 1970

_began: dict[str, float] = {}


def connect(settings: Any) -> None:
    """Measure the tasks of this process, and of those that it forks."""
    if not isinstance(settings, ProcessSettings):
        return
    tally = Tally("tasks", dimensions=dimensions(settings))

    def before(task_id: str = "", **_: Any) -> None:
        _began[task_id] = time.monotonic()

    def after(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
        count(tally, time.monotonic() - _began.pop(task_id, time.monotonic()), task, state)

    celery.signals.task_prerun.connect(before, weak=False, dispatch_uid="chassis.task_measures.before")
    celery.signals.task_postrun.connect(after, weak=False, dispatch_uid="chassis.task_measures.after")
    celery.signals.worker_process_shutdown.connect(
        lambda **_: tally.write(), weak=False, dispatch_uid="chassis.task_measures.stop"
    )


def dimensions(settings: ProcessSettings) -> dict[str, str]:
    """Return by what the metrics are told apart."""
    return {
        "environment": settings.environment,
        "service": settings.service,
        "process": settings.process,
    }


def count(tally: Tally, seconds: float, task: Any, state: str | None) -> None:
    """Count a task that ended."""
    sent_at = task.request.get(SENT_AT) or (task.request.headers or {}).get(SENT_AT)
    waited = max(0.0, time.time() - float(sent_at) - seconds) if sent_at else None
    tally.add(seconds, failed=state in ("FAILURE", "RETRY"), waited=waited)
