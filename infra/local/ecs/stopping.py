"""A task's containers brought down: SIGTERM, the stop timeout, SIGKILL, dependents first; then exit codes, then removal."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import docker.errors
import requests.exceptions

from infra.local import engine
from infra.local.ecs import containers, volumes
from infra.local.ecs.records import Record
from infra.local.ecs.starting import site
from infra.local.ecs.subject import Subject
from infra.local.ecs.watching import observe

log = logging.getLogger("estaleiro.local.ecs")

DEFAULT_TIMEOUT = 30
GONE = (docker.errors.NotFound, docker.errors.NullResource)


def terminate(task: Record, definition: Record) -> None:
    """Stop what runs, in reverse starting order where containers depend on each other, else all at once."""
    waits = {
        item["name"]: int(item.get("stopTimeout") or DEFAULT_TIMEOUT)
        for item in definition["containerDefinitions"]
    }
    names = [name for name in reversed(containers.start_order(definition)) if name in task["_docker"]]
    if any(containers.dependencies(item) for item in definition["containerDefinitions"]):
        for name in names:
            _stop(task["_docker"][name], waits[name])
    elif names:
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: _stop(task["_docker"][name], waits[name]), names))


def _stop(docker_id: str, seconds: int) -> None:
    """The engine sends SIGTERM (or the image's stop signal), waits, and sends SIGKILL."""
    with contextlib.suppress(*GONE):
        try:
            engine.client().api.stop(docker_id, timeout=seconds)
        except (docker.errors.APIError, requests.exceptions.RequestException) as error:
            if not isinstance(error, GONE):
                log.warning("container %s did not stop: %s", docker_id[:12], error)


def remove(task: Record, definition: Record, *, told: Mapping[str, int] | None) -> None:
    """Read the exit codes (unless the task is lost: `told` is None) and remove containers and the task's own volumes."""
    if told is not None:
        observe(task, told)
    for docker_id in task["_docker"].values():
        with contextlib.suppress(docker.errors.APIError, requests.exceptions.RequestException):
            engine.client().api.remove_container(docker_id, v=True, force=True)
    task["_docker"] = {}
    where = site(task)
    for item in definition["containerDefinitions"][:1]:
        subject = Subject(task["taskArn"], definition, item, {})
        for name in volumes.own(subject, where):
            with contextlib.suppress(docker.errors.APIError):
                engine.client().api.remove_volume(name, force=True)
