"""The engine's own news: a container of ours ended or changed its health; the task that it belongs to looks at once."""

from __future__ import annotations

import logging
import threading
import time

import docker.errors
import requests.exceptions

from infra.local import engine
from infra.local.ecs.records import place
from infra.local.ecs.tasks import lives

log = logging.getLogger("estaleiro.local.ecs")

WATCHED = ["die", "destroy", "oom", "health_status"]
RETRY_SECONDS = 1.0


def listen() -> None:
    """Start listening, for as long as the process lives."""
    threading.Thread(target=_listen, name="engine-events", daemon=True).start()


def _listen() -> None:
    while True:
        try:
            _follow()
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            log.warning("the engine's events are interrupted: %s", error)
        time.sleep(RETRY_SECONDS)


def _follow() -> None:
    filters = engine.filters(place().settings, role="task") | {"type": ["container"], "event": WATCHED}
    for event in engine.client().api.events(decode=True, filters=filters):
        attributes = event.get("Actor", {}).get("Attributes", {})
        life = lives.get(attributes.get("com.amazonaws.ecs.task-arn", ""))
        if life is not None:
            life.wake(str(event.get("Action", "")), attributes)
