"""The scheduler's loop: hosts first, then tasks that wait for one, then every service; woken by news, at rest otherwise."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable

from infra.local.ecs import host_api, hosts, launch, services
from infra.local.ecs.records import LOCK, WAKE, forget_old_tasks, scope, tasks
from infra.local.ecs.records import services as all_services

log = logging.getLogger("estaleiro.local.ecs")

TICK = 0.25
"""Seconds between two looks: target health and times pass without waking the loop."""
GATHER = 0.02
"""Seconds in which news that comes together is answered by one look."""

_over = threading.Event()


def begin() -> None:
    """Start the loop in a thread of its own."""
    _over.clear()
    threading.Thread(target=_run, name="ecs-scheduler", daemon=True).start()


def end() -> None:
    """Stop scheduling; running tasks stay as they are."""
    _over.set()
    WAKE.set()


def _run() -> None:
    with scope():
        while not _over.is_set():
            WAKE.wait(TICK)
            _over.wait(GATHER)
            WAKE.clear()
            if not _over.is_set():
                _guarded("hosts", _look_at_hosts)
                _guarded("placement", launch.place_waiting)
                for service in all_services():
                    if service["status"] != "INACTIVE":
                        _guarded(service["serviceName"], functools.partial(services.look, service))
                forget_old_tasks()


def _look_at_hosts() -> None:
    for instance_arn in hosts.sync():
        with LOCK:
            lost = [task for task in tasks() if task.get("containerInstanceArn") == instance_arn]
        host_api.orphan(
            [task for task in lost if task["lastStatus"] != "STOPPED"], instance_arn.rsplit("/", 1)[-1]
        )


def _guarded(what: str, act: Callable[[], None]) -> None:
    """One service that cannot be looked at must not hold up the others."""
    try:
        act()
    except Exception:
        log.exception("the scheduler failed at %s", what)
