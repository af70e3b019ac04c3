"""A new container's health check tried at once, not only after its first interval: a rollout here need not wait half a minute.

Only a pass counts, as the engine's first one would; failures stay the engine's to count.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docker.errors
import requests.exceptions

from infra.local import engine
from infra.local.ecs import containers

TRIES = 20
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 2.0


def command(check: Mapping[str, Any] | None) -> Sequence[str] | None:
    """Return the check as a command to run in the container, None without one."""
    test = containers.health_check(check)["test"]
    if test[0] == "NONE":
        return None
    return ["/bin/sh", "-c", *test[1:]] if test[0] == "CMD-SHELL" else test[1:]


def watch(docker_id: str, check: Sequence[str], passed: Callable[[], None]) -> None:
    """Try the check in a thread until it passes (then `passed` is called), the container ends or the tries are used up."""
    threading.Thread(target=_try, args=(docker_id, check, passed), name="first-health", daemon=True).start()


def _try(docker_id: str, check: Sequence[str], passed: Callable[[], None]) -> None:
    pause = FIRST_PAUSE
    for _ in range(TRIES):
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
        try:
            if _run(docker_id, check) == 0:
                passed()
                return
        except (docker.errors.APIError, requests.exceptions.RequestException):
            return


def _run(docker_id: str, check: Sequence[str]) -> int | None:
    """Return the exit code, None when it is not known."""
    client = engine.client().api
    exec_id = client.exec_create(docker_id, list(check))["Id"]
    client.exec_start(exec_id)
    code: int | None = client.exec_inspect(exec_id)["ExitCode"]
    return code
