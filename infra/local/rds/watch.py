"""Keeps a container running for every instance that should have one; the only place where an instance becomes
`available`."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import docker.errors

from infra.local import persistence
from infra.local.errors import LocalCloudError
from infra.local.rds import containers, place
from infra.local.rds.place import Record

EVERY = 1.0
"""Seconds between two looks; a call that changes an instance wakes it at once."""
PROBE = 0.1
"""Seconds between two looks while an instance is on its way."""
PATIENCE = 3
"""How often a container may end before its instance answers; then the instance has failed."""

UP = {"creating", "available", "rebooting", "starting", "modifying", "backing-up"}
"""The states in which a container should run."""

LOCK = threading.RLock()
"""Held while a container is made or removed, so that the watch does not revive what a call is removing."""

log = logging.getLogger("estaleiro.local.rds")

_wake = threading.Event()
_stopping = threading.Event()
_threads: list[threading.Thread] = []


def start() -> None:
    thread = threading.Thread(target=_run, name="rds-watch", daemon=True)
    _threads.append(thread)
    thread.start()


async def stop() -> None:
    """End the watch and stop every database, all at once."""
    _stopping.set()
    _wake.set()
    for thread in _threads:
        await asyncio.to_thread(thread.join)
    names = [found["DBInstanceIdentifier"] for found in place.records()]
    await asyncio.gather(*(asyncio.to_thread(containers.stop, name) for name in names))


def wake() -> None:
    """Look now: an instance was made or changed."""
    _wake.set()


def _run() -> None:
    while not _stopping.is_set():
        _wake.clear()
        _wake.wait(PROBE if look(place.records(), attend) else EVERY)


def look(records: Iterable[Record], attend: Callable[[Record], bool]) -> bool:
    """Attend to each instance; return whether one is still on its way. What fails at one is tried again at the next look:
    an engine that is busy may let a call time out, and nobody else looks after the others.
    """
    on_the_way = False
    for record in records:
        try:
            with LOCK:
                on_the_way |= attend(record)
        except Exception:
            log.exception("the database %s could not be looked after", record["DBInstanceIdentifier"])
    return on_the_way


def attend(record: Record) -> bool:
    """Bring one instance forward; return whether it is still on its way."""
    if record["DBInstanceStatus"] not in UP or record.get("_removed"):
        return False
    container = containers.find(record["DBInstanceIdentifier"])
    if container is None or container.status != "running":
        return _revive(record, container)
    record["_address"] = containers.address(container)
    if record["DBInstanceStatus"] == "available":
        return False
    if not containers.answers(record):
        return True
    record["_ended"] = 0
    _become(record, "available")
    return False


def _revive(record: Record, dead: Any | None) -> bool:
    """Start a container on the same volume; an instance whose server keeps ending has failed, with its last
    words as the reason."""
    if dead is not None and record["DBInstanceStatus"] != "available":
        record["_ended"] = record.get("_ended", 0) + 1
        if record["_ended"] >= PATIENCE:
            _fail(record, containers.last_words(dead))
            return False
    _become(record, "creating" if record["DBInstanceStatus"] == "creating" else "starting")
    try:
        containers.run(record)
    except (LocalCloudError, docker.errors.APIError) as error:
        _fail(record, str(error))
        return False
    return True


def _fail(record: Record, why: str) -> None:
    record["_reason"] = why
    log.error("the database %s failed: %s", record["DBInstanceIdentifier"], why)
    _become(record, "failed")


def _become(record: Record, status: str) -> None:
    record["DBInstanceStatus"] = status
    persistence.touch("rds")


def until(identifier: str, status: str, *, seconds: float) -> Record:
    """Wait until the instance has that status and return its record; raise `LocalCloudError` when it fails or
    takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = place.record(identifier)
        if found is None:
            raise LocalCloudError(f"the database {identifier} was deleted meanwhile")
        if found["DBInstanceStatus"] == status:
            return found
        if found["DBInstanceStatus"] == "failed":
            raise LocalCloudError(
                f"the database {identifier} failed: {found.get('_reason', 'no reason is known')}"
            )
        time.sleep(0.05)
    raise LocalCloudError(f"the database {identifier} was not {status} within {seconds:g} s")
