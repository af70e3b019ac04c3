"""`python -m reviews PROCESS`: web, worker, beat; or dead-letters, redrive. The only reader of the environment."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import Celery

from chassis import client, logs, redrive, settings, tasks
from chassis.auth import verifier
from chassis.database import Database, SyncDatabase, url
from chassis.queue import QueueWatch, queue
from chassis.schema import schema
from chassis.serve import serve
from chassis.task_requests import TaskRequests
from chassis.web import Application, about
from reviews.app import Dependencies, make_app
from reviews.catalogue import Catalogue
from reviews.tasks import REPAIR_SECONDS, make_tasks


@dataclass(frozen=True, kw_only=True)
class TaskSettings(settings.ProcessSettings, settings.DatabaseSettings, settings.QueueSettings):
    """What the environment says to every process: how often the chart is computed and lost requests are looked for."""

    chart_seconds: float = 30.0
    repair_seconds: float = REPAIR_SECONDS


@dataclass(frozen=True, kw_only=True)
class WebSettings(TaskSettings, settings.WebSettings, settings.ClientSettings):
    """What it says to the web process besides."""


def web(given: WebSettings) -> int:
    def build() -> Application:
        http = client.session()
        movies = client.service_client("movies", http, settings=given, scopes=["movies:read"])
        publisher = tasks.Publisher(celery(given))
        return make_app(
            Dependencies(
                service=given.service,
                about=about(given),
                database=Database(url(given)),
                verifier=verifier(http, given),
                schema=schema("reviews"),
                http=http,
                queue=QueueWatch(queue(given)),
                catalogue=Catalogue(movies),
                task_requests=TaskRequests(publisher.send),
            )
        )

    serve(build, given)
    return 0


def worker(given: TaskSettings) -> int:
    return tasks.run_worker(celery(given))


def beat(given: TaskSettings) -> int:
    return tasks.run_beat(celery(given))


def dead_letters(given: TaskSettings) -> int:
    print(f"{redrive.listed(*redrive.queue_of(celery(given)), print)} dead")
    return 0


def redrive_all(given: TaskSettings) -> int:
    print(f"{redrive.redrive(*redrive.queue_of(celery(given)), print)} back in the queue")
    return 0


def celery(given: TaskSettings) -> Celery:
    return make_tasks(
        given,
        lambda: SyncDatabase(url(given)),
        chart_seconds=given.chart_seconds,
        repair_seconds=given.repair_seconds,
    )


PROCESSES: dict[str, tuple[type, Callable[[Any], int]]] = {
    "web": (WebSettings, web),
    "worker": (TaskSettings, worker),
    "beat": (TaskSettings, beat),
    "dead-letters": (TaskSettings, dead_letters),
    "redrive": (TaskSettings, redrive_all),
}


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "web"
    if name not in PROCESSES:
        print(f"reviews: no process {name!r}; should be one of {', '.join(PROCESSES)}", file=sys.stderr)
        return 2
    kind, run = PROCESSES[name]
    try:
        given: Any = settings.read(kind, os.environ)
    except settings.SettingsError as error:
        print(f"reviews: {error}", file=sys.stderr)
        return 1
    logs.configure(
        {"service": given.service, "process": name, "release": given.release},
        level=given.log_level,
        secrets=settings.secrets_of(given),
    )
    return run(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
