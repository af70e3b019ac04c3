"""What became of a task's containers: states, exit codes, health, read from the engine into the record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

import docker.errors
import requests.exceptions

from infra.local import engine
from infra.local.ecs.records import LOCK, Record, changed
from infra.local.ecs.starting import named

HEALTH = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
KILLED = 137
LATE = 0.3
"""Seconds by which the engine may note what killed a container after it has noted the end."""
LOST = "DockerStateError: the container is gone from the engine; its exit code is not known"


def observe(task: Record, told: Mapping[str, int]) -> None:
    """Bring the record up to date; `told` are exit codes from the engine's events, for containers already removed."""
    for name, docker_id in list(task["_docker"].items()):
        container = named(task, name)
        if container["lastStatus"] == "STOPPED":
            continue
        try:
            state = ended_state(partial(_inspected, docker_id))
        except docker.errors.NotFound:
            with LOCK:
                container["lastStatus"] = "STOPPED"
                if name in told:
                    container["exitCode"] = told[name]
                else:
                    container["reason"] = LOST
            continue
        except (docker.errors.APIError, requests.exceptions.RequestException):
            continue
        _note(container, state)
    _sum_health(task)


def _inspected(docker_id: str) -> Mapping[str, object]:
    state: Mapping[str, object] = engine.client().api.inspect_container(docker_id)["State"]
    return state


def ended_state(
    look: Callable[[], Mapping[str, object]], *, sleep: Callable[[float], object] = time.sleep
) -> Mapping[str, object]:
    """Return a container's state; of one that was killed, once the engine has had time to note that memory was the reason.

    The kernel's word about memory reaches the engine apart from the container's end, and now and then after it.
    """
    state = look()
    if state["Status"] == "exited" and state["ExitCode"] == KILLED and not state.get("OOMKilled"):
        sleep(LATE)
        state = look()
    return state


def pass_first(task: Record, name: str, looked_for: threading.Event) -> None:
    """Take in that a container has passed its health check for the first time, unless the engine has judged it meanwhile."""
    container = named(task, name)
    with LOCK:
        if container["lastStatus"] != "RUNNING" or container["healthStatus"] != "UNKNOWN":
            return
        container["healthStatus"] = "HEALTHY"
    looked_for.set()


def _note(container: Record, state: Mapping[str, object]) -> None:
    health = state.get("Health")
    status = health.get("Status") if isinstance(health, Mapping) else None
    with LOCK:
        if state["Status"] in ("exited", "dead"):
            container["lastStatus"] = "STOPPED"
            container["exitCode"] = state["ExitCode"]
            if state.get("OOMKilled"):
                container["reason"] = OUT_OF_MEMORY
        elif status in HEALTH:
            container["healthStatus"] = HEALTH[str(status)]


def _sum_health(task: Record) -> None:
    """A task is as healthy as its essential containers that have a health check (Task `healthStatus`)."""
    watched = [
        container["healthStatus"]
        for container in task["containers"]
        if container["name"] in task["_health_checked"]
    ]
    health = "UNKNOWN"
    if "UNHEALTHY" in watched:
        health = "UNHEALTHY"
    elif watched and all(status == "HEALTHY" for status in watched):
        health = "HEALTHY"
    if health != task["healthStatus"]:
        with LOCK:
            task["healthStatus"] = health
        changed()


def essential_exited(task: Record, essential: frozenset[str]) -> bool:
    """Tell whether a started essential container, or every container, has ended."""
    ended = {container["name"] for container in task["containers"] if container["lastStatus"] == "STOPPED"}
    return bool(ended & essential) or len(ended) == len(task["containers"])
