"""The ECS half of the local cloud put into MiniStack: its API answered, its state saved with the rest, its scheduler run."""

from __future__ import annotations

import asyncio
import copy
import time
from typing import Any

from ministack.services import ecs

from infra.local import engine, pin
from infra.local.ecs import (
    api,
    cloudformation,
    engine_events,
    faults,
    host_api,
    hosts,
    instance_types,
    log_store,
    records,
    recovery,
    scheduler,
    tasks,
)
from infra.local.settings import Settings

STORES = {
    "container_instances": records.instances,
    "service_deployments": records.service_deployments,
    "service_revisions": records.revisions,
}


STOPPED = tasks.Halt("TerminationNotice", "the local cloud was stopped", drain=False)
STOP_SECONDS = 15.0
POLL = 0.05


def install(settings: Settings) -> None:
    """Replace what we own of MiniStack's ECS; called once, before any request."""
    network = engine.ensure_network(settings)
    records.settle(records.Place(settings, network.name, network.gateway))
    api.install()
    faults.install()
    faults.when_lost(host_api.lose)
    cloudformation.install()
    log_store.install()
    instance_types.install()
    pin.replace("services.autoscaling._reconcile_instances", hosts.fill, sha="2272358babf7")
    pin.replace("services.ecs.get_state", _state, sha="969fe8e817f4")
    pin.replace("services.ecs.load_persisted_state", _load, sha="ba8efd0810e8")


def _state() -> dict[str, Any]:
    """Return the stores as they are saved; unlike MiniStack's own, tasks keep what links them to their containers."""
    with records.LOCK:
        saved = {
            "clusters": ecs._clusters,
            "task_defs": ecs._task_defs,
            "task_def_latest": ecs._task_def_latest,
            "services": ecs._services,
            "tasks": ecs._tasks,
            "tags": ecs._tags,
            "account_settings": ecs._account_settings,
            "capacity_providers": ecs._capacity_providers,
            "attributes": ecs._attributes,
        } | STORES
        return copy.deepcopy(saved)


def _load(data: dict[str, Any]) -> None:
    """Restore what `_state` saved; the tasks' containers are looked at in `start`."""
    ecs._restore_state({key: value for key, value in data.items() if key != "tasks" and key not in STORES})
    ecs._tasks.update(data.get("tasks", {}))
    for name, store in STORES.items():
        store.update(data.get(name, {}))


async def start() -> None:
    """Take over what still runs and begin to schedule; called when the saved state is back and the API answers."""
    await asyncio.to_thread(_start)


def _start() -> None:
    with records.scope():
        recovery.recover()
    log_store.begin()
    engine_events.listen()
    scheduler.begin()


async def stop() -> None:
    """Stop every task, within `STOP_SECONDS`; services start anew with the next start."""
    scheduler.end()
    await asyncio.to_thread(_stop)


def _stop() -> None:
    with records.scope():
        for task in records.tasks():
            if task["lastStatus"] != "STOPPED":
                tasks.halt(task, STOPPED)
    deadline = time.monotonic() + STOP_SECONDS
    while tasks.lives and time.monotonic() < deadline:
        time.sleep(POLL)
    log_store.flush()
