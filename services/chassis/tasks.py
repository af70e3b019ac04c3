"""Celery on one SQS queue: the app with our settings, publishing from the event loop, running worker and beat.

Messages are acknowledged after the task (at least once), so tasks must be idempotent. A task that fails is given back
to SQS, which shows it again with a growing pause and after the fifth time moves it to the dead-letter queue. A countdown
must stay below the queue's visibility timeout; what is due later is a row in the database that a scheduled task looks for.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import billiard
import celery.signals
from celery import Celery

from chassis import database, heartbeat, logs, sqs, task_measures, trace
from chassis.queue import queue
from chassis.settings import DatabaseSettings, ProcessSettings, secrets_of

TIME_LIMIT = 60  # seconds a task may take; the queue's visibility timeout is six times that
# One call of SQS, in botocore's words. By itself it would wait five minutes for a queue that hangs, and a process that is
# told to stop with it: neither a web process that publishes nor a worker that acknowledges has so long.
CALLS = {"connect_timeout": 2, "read_timeout": 4, "retries": {"total_max_attempts": 2}}
TRACE_HEADERS = ("x_request_id", "traceparent")
SOFT_SHUTDOWN = 15.0  # seconds that a stopping worker goes on with its task; below ECS's stop timeout of 30
LAST = 7.0  # seconds more until one that is still there is ended by force, before ECS would


class QueueNames(Protocol):
    """What of a service's settings the queue needs."""

    @property
    def service(self) -> str: ...
    @property
    def queue_url(self) -> str: ...
    @property
    def aws_region(self) -> str: ...


def celery_app(settings: QueueNames, *, schedule: Mapping[str, Mapping[str, Any]] | None = None) -> Celery:
    """Return the service's Celery app; `schedule` is Celery's beat_schedule.

    The queue is named in full, so no ListQueues, CreateQueue or remote control is ever asked of SQS. Credentials and
    AWS_ENDPOINT_URL are the AWS SDK's own business. A schedule needs settings that are DatabaseSettings too: beat
    ticks only while it holds a lock there.
    """
    sqs.install()
    app = Celery(settings.service, broker="sqs://", set_as_current=False)
    app.conf.update(_conf(settings), beat_schedule=dict(schedule or {}))
    if isinstance(settings, ProcessSettings):
        app.conf.measured_as = task_measures.dimensions(settings)
        app.conf.measured_queue = functools.partial(queue, settings)
    if isinstance(settings, DatabaseSettings):
        app.conf.beat_scheduler = "chassis.beat:LockedScheduler"
        app.conf.beat_lock_url = database.url(settings).render_as_string(hide_password=False)
    app.steps["consumer"].add(heartbeat.ConsumerHeartbeat)
    _log_as_we_do(settings)
    celery.signals.task_prerun.connect(_enter_trace, weak=False, dispatch_uid="chassis.tasks.trace")
    celery.signals.before_task_publish.connect(_stamp, weak=False, dispatch_uid="chassis.tasks.stamp")
    task_measures.connect(settings)
    return app


def _conf(settings: QueueNames) -> dict[str, Any]:
    return dict(
        broker_transport_options={
            "region": settings.aws_region,
            "predefined_queues": {settings.service: {"url": settings.queue_url}},
            # The wait of a long poll and the pause between polls add up; a short wait also strands fewer messages
            # when a worker stops in the middle of one.
            "wait_time_seconds": 2,
            "polling_interval": 0,
            "visibility_timeout": 6 * TIME_LIMIT,
            "client-config": CALLS,
        },
        broker_connection_retry_on_startup=True,
        task_default_queue=settings.service,
        task_create_missing_queues=False,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=False,  # the queue counts the tries
        task_time_limit=TIME_LIMIT,
        task_soft_time_limit=TIME_LIMIT - 5,
        worker_pool="chassis.pool:TaskPool",
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_max_tasks_per_child=1000,
        beat_max_loop_interval=5,
        enable_utc=True,
        timezone="UTC",
    )


class Publisher:
    """Sends tasks from the event loop without blocking it; sending to SQS is a blocking HTTP call."""

    def __init__(self, app: Celery, *, threads: int = 4) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="publish")

    async def send(self, task: str, *arguments: Any, countdown: float | None = None) -> None:
        """Queue the task by its name, with the current request's ids. Raises what kombu or botocore raises."""
        headers = {name.lower().replace("-", "_"): value for name, value in trace.headers().items()}

        def publish() -> None:
            self._app.send_task(task, args=arguments, headers=headers, countdown=countdown, retry=False)

        await asyncio.get_running_loop().run_in_executor(self._pool, publish)


def run_worker(
    app: Celery, *, concurrency: int = 1, patience: float = SOFT_SHUTDOWN, last: float = LAST
) -> int:
    """Work until SIGTERM, finish what is in hand, give back what takes longer than `patience`; return the exit code.

    Celery's own soft shutdown is not it: that one sleeps its whole time, in a signal's handler, and may hang there. One
    that hangs for whatever else (`chassis.pool` mends what is known) is ended `last` seconds after all that.
    """

    def give_back_later(sig: str = "", **_: Any) -> None:
        if sig == "SIGTERM":
            _later(patience, os.kill, os.getpid(), signal.SIGQUIT)
            _later(patience + last, _end_by_force)

    celery.signals.worker_shutting_down.connect(give_back_later, weak=False)
    arguments = [
        f"--concurrency={concurrency}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    return _run(app, ["--quiet", "worker", *arguments, "--loglevel=INFO"])


def _later(seconds: float, call: Callable[..., object], *arguments: object) -> None:
    timer = threading.Timer(seconds, call, arguments)
    timer.daemon = True
    timer.start()


def _end_by_force() -> None:
    """End at once, as kill -9 would; SQS shows again what was in hand, and tasks are idempotent.

    Not by the logger: whoever hangs may hold its lock.
    """
    line = {
        "level": "ERROR",
        "logger": "chassis.tasks",
        "message": "the worker hung while it stopped; ended by force",
    }
    os.write(2, f"{json.dumps(line)}\n".encode())
    for child in billiard.active_children():
        os.kill(child.pid, signal.SIGKILL)
    os._exit(0)


def run_beat(app: Celery) -> int:
    """Send scheduled tasks while holding the lock in the service's database, until a signal; return the exit code.

    The same process tells the depth of the queue: exactly one does.
    """
    app.conf.beat_measures = True
    return _run(app, ["--quiet", "beat", "--pidfile=", "--loglevel=INFO"])


def _run(app: Celery, arguments: Sequence[str]) -> int:
    asked: list[str] = []

    def remember(sig: str = "", **_: Any) -> None:
        asked.append(sig)

    celery.signals.worker_shutting_down.connect(remember, weak=False)
    try:
        app.start(list(arguments))
    except SystemExit as stopped:
        # Celery calls a cold shutdown a failure; a worker that stops because it was told to has not failed.
        code = stopped.code if isinstance(stopped.code, int) else 0
        return 0 if "SIGTERM" in asked else code
    return 0


def _log_as_we_do(settings: Any) -> None:
    """Take the place of Celery's own logging set-up in worker and beat; a web process has done its own."""

    def configure(**_: Any) -> None:
        constant = {name: getattr(settings, name) for name in ("service", "process", "release")}
        logs.configure(constant, level=settings.log_level, secrets=secrets_of(settings))

    if isinstance(settings, ProcessSettings):
        celery.signals.setup_logging.connect(configure, weak=False, dispatch_uid="chassis.tasks.logs")


def _stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Put into every message the ids of what asked for it, and when."""
    if headers is None:
        return
    for name, value in trace.headers().items():
        headers.setdefault(name.lower().replace("-", "_"), value)
    headers.setdefault(task_measures.SENT_AT, time.time())


def _enter_trace(task: Any = None, **_: Any) -> None:
    request = task.request
    # A worker finds what the publisher sent as members of the request, a task applied in place as its headers.
    given = {name: request.get(name) or (request.headers or {}).get(name) or "" for name in TRACE_HEADERS}
    trace.enter({"X-Request-ID": given["x_request_id"], "traceparent": given["traceparent"]})
    logs.task_name.set(f"{task.name}[{request.id}]")
