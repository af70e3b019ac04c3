"""Where the databases run, and their records: dictionaries in MiniStack's store, ours under keys that begin
with `_`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from infra.local import engine
from infra.local.settings import Settings

Record = dict[str, Any]

_settings: list[Settings] = []


def settle(settings: Settings) -> None:
    """Say which local cloud this process is; called once by `install`."""
    _settings[:] = [settings]


def settings() -> Settings:
    return _settings[0]


def records() -> list[Record]:
    """Return all instances' records."""
    from ministack.services import rds

    found: list[Record] = rds._instances.all_values()
    return found


def record(identifier: str) -> Record | None:
    """Return an instance's record by its name, in the account and region of the request."""
    return next((found for found in records() if found["DBInstanceIdentifier"] == identifier), None)


def endpoint_host(identifier: str) -> str:
    """Return the host name of an instance: the middle part is the account's and the region's, as on AWS."""
    account = hashlib.sha256(f"{settings().account}/{settings().region}".encode()).hexdigest()[:12]
    return f"{identifier}.{account}.{settings().region}.rds.amazonaws.com"


def addresses() -> Iterator[tuple[str, str]]:
    """Yield the host name and the container's address of every instance that has one."""
    for found in records():
        if found.get("_address"):
            yield found["Endpoint"]["Address"], found["_address"]


def container_name(identifier: str) -> str:
    return f"{settings().name}-db-{identifier}"


def volume_name(identifier: str) -> str:
    return f"{settings().name}-db-{identifier}"


def snapshot_volume(identifier: str) -> str:
    return f"{settings().name}-snapshot-{identifier}"


def labels(identifier: str) -> dict[str, str]:
    return engine.labels(settings(), db_instance=identifier)
