"""The state on disk: written within a second of a change and whole files at a time, so that a killed server
loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EVERY = 0.2
"""Seconds between two looks at what has changed."""
SWEEP = 5.0
"""Seconds after which everything is looked at: some changes come from inside, such as a container's log lines."""
SHARE = 0.1
"""The part of one core that saving may take when changes never stop."""
LONGEST = 0.6
"""Seconds between two looks while a stack operation changes much, so that what is lost by a kill is less than a second's."""

_SERVICE = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
_READING = re.compile(rb"(Describe|List|Get|Head|BatchGet)")

log = logging.getLogger("estaleiro.local.persistence")

_changed: set[str] = set()
_written: dict[str, str] = {}
_stores: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {}


def keep(key: str, get: Callable[[], Any], restore: Callable[[Any], None]) -> None:
    """Keep a store of ours with the state: `get` returns what JSON can hold, `restore` gets what was saved, at once.

    Called by a half's `install`.
    """
    _stores[key] = get, restore
    from ministack.core import persistence

    saved = persistence.load_state(key)
    if saved is not None:
        restore(saved)


def note(scope: Any) -> None:
    """Note from an ASGI request which service may have changed; a call that only reads changes nothing."""
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    found = _SERVICE.search(headers.get(b"authorization", b""))
    target = headers.get(b"x-amz-target", b"").rpartition(b".")[2]
    if found is None or _READING.match(target) or (scope["method"] == "GET"):
        return
    touch(found[1].decode())


def touch(service: str) -> None:
    """Say that the state of `service`, a name as in a request's signature or a key of `keep`, has changed."""
    _changed.add(service)


async def keep_saving() -> None:
    """Save what has changed until cancelled."""
    swept = time.monotonic()
    while True:
        await asyncio.sleep(EVERY)
        started = time.monotonic()
        everything = started - swept > SWEEP or _working()
        if not everything and not _changed:
            continue
        keys = None if everything else _keys(_changed)
        _changed.clear()
        swept = started if everything else swept
        await asyncio.to_thread(save, keys)
        pause = (time.monotonic() - started) * (1 / SHARE - 1)
        await asyncio.sleep(min(pause, LONGEST) if _working() else pause)


def save(keys: set[str] | None = None) -> None:
    """Save the given stores, or all: serialised first, then renamed into place together; unchanged ones are
    not written."""
    from ministack import app
    from ministack.core import persistence

    getters = app._build_persistence_save_dict() | {key: get for key, (get, _) in _stores.items()}
    fresh: dict[str, tuple[str, str]] = {}
    for key, get in getters.items():
        if keys is None or key in keys:
            text = _text(key, get)
            if text is not None and _written.get(key) != (digest := _digest(text)):
                fresh[key] = text, digest
    folder = Path(persistence.STATE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    for key, (text, _) in fresh.items():
        (folder / f"{key}.new").write_text(text)
    for key, (_, digest) in fresh.items():
        (folder / f"{key}.new").replace(folder / f"{key}.json")
        _written[key] = digest


def _text(key: str, get: Callable[[], Any]) -> str | None:
    """Serialise one store; other threads may change it meanwhile, which Python notices: then once more."""
    from ministack.core import persistence

    for _ in range(20):
        with contextlib.suppress(RuntimeError):
            state = get()
            if state is None:
                return None
            wrapped = {"__ministack_format__": persistence._state_format_version(key), "payload": state}
            return json.dumps(wrapped, default=persistence._json_default)
    log.error("the state of %s kept changing while it was saved; it is saved with the next change", key)
    touch(key)
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _keys(services: set[str]) -> set[str]:
    """Return the state keys of services as requests name them; CloudFormation's calls change other services
    from inside."""
    from ministack import app

    keys = set(services)
    for service in services:
        entry = app.SERVICE_REGISTRY.get(app.SERVICE_NAME_ALIASES.get(service, service))
        if entry is not None:
            keys |= {str(entry.get("state_key", entry["module"])), *entry.get("sub_modules", ())}
    return keys


def _working() -> bool:
    """Tell whether a stack operation is under way: its resources change many services from inside."""
    from ministack.services import cloudformation

    return any(
        str(stack.get("StackStatus", "")).endswith("_IN_PROGRESS")
        for stack in cloudformation._stacks.all_values()
    )
