"""The Docker engine as the local cloud uses it; whatever is made through here carries our label, and only that
is removed."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import docker.types
import requests.exceptions

from infra.local.errors import EngineMissing, LocalCloudError
from infra.local.settings import Settings

LABEL = "estaleiro.local-cloud"
"""The label's value is the local cloud's name, so that two clouds on one engine keep apart."""

_UNREACHABLE = (docker.errors.DockerException, requests.exceptions.ConnectionError)


@dataclass(frozen=True)
class Network:
    """A bridge network of ours: `gateway` is the host's address on it, dotted decimal."""

    name: str
    gateway: str
    subnet: str


@functools.cache
def client() -> docker.DockerClient:
    """Return the process's one client of the engine; raise `EngineMissing` when none answers."""
    try:
        return docker.from_env(version="auto", timeout=120)
    except _UNREACHABLE as error:
        raise EngineMissing(
            f"the Docker engine does not answer: {error}; start it (`service docker start`) or set DOCKER_HOST"
        ) from error


def labels(settings: Settings, **extra: str) -> dict[str, str]:
    """Return our label, and `extra` ones under it: `labels(s, task="x")` adds `estaleiro.local-cloud.task`."""
    return {LABEL: settings.name} | {
        f"{LABEL}.{key.replace('_', '-')}": value for key, value in extra.items()
    }


def network(settings: Settings) -> Network | None:
    """Return our network, or None when the engine has none of our name."""
    try:
        found = client().networks.get(settings.name)
    except docker.errors.NotFound:
        return None
    config = found.attrs["IPAM"]["Config"][0]
    return Network(settings.name, config["Gateway"], config["Subnet"])


def ensure_network(settings: Settings) -> Network:
    """Return our bridge network, made when it is not there; made anew it keeps its addresses, which queue URLs hold."""
    found = network(settings)
    if found is None:
        client().networks.create(
            settings.name,
            driver="bridge",
            labels=labels(settings),
            check_duplicate=True,
            options=_BRIDGE,
            ipam=_same_addresses(settings),
        )
        found = network(settings)
    if found is None:
        raise LocalCloudError(
            f"the Docker network {settings.name} could not be made: the engine shows none after it"
        )
    _remembered(settings).write_text(json.dumps({"subnet": found.subnet, "gateway": found.gateway}))
    return found


def _same_addresses(settings: Settings) -> docker.types.IPAMConfig | None:
    """Somebody may have pruned the network; None where there was none yet, and the engine chooses."""
    path = _remembered(settings)
    if not path.exists():
        return None
    pool = docker.types.IPAMPool(**json.loads(path.read_text()))
    return docker.types.IPAMConfig(pool_configs=[pool])


def _remembered(settings: Settings) -> Path:
    return settings.state / "network.json"


_BRIDGE = {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}


def filters(settings: Settings, **extra: str) -> dict[str, Any]:
    """Return the engine's list filter that matches what carries our label (and `extra` ones, as in `labels`)."""
    return {"label": [f"{key}={value}" for key, value in labels(settings, **extra).items()]}


def containers(settings: Settings, **extra: str) -> list[Any]:
    """Return all containers with our label, stopped ones too; `extra` as in `labels`."""
    found: list[Any] = client().containers.list(
        all=True, filters=filters(settings, **extra), ignore_removed=True
    )
    return found


def owned(settings: Settings) -> list[str]:
    """Return everything on the engine with our label, as `container NAME`, `network NAME`, `volume NAME`."""
    return [f"{kind} {name}" for kind, name, _ in _owned(settings)]


def _owned(settings: Settings) -> Iterator[tuple[str, str, Any]]:
    """Yield in the order in which things can be removed."""
    for container in containers(settings):
        yield "container", container.name, container
    for volume in client().volumes.list(filters=filters(settings)):
        yield "volume", volume.name, volume
    for found in client().networks.list(filters=filters(settings)):
        yield "network", str(found.name), found


def remove_owned(settings: Settings) -> list[str]:
    """Remove everything with our label at once, containers without grace; return what was removed."""
    removed = []
    for kind, name, thing in list(_owned(settings)):
        with contextlib.suppress(docker.errors.NotFound):
            if kind == "container":
                thing.remove(force=True, v=True)
            elif kind == "volume":
                thing.remove(force=True)
            else:
                _detach_all(thing)
                thing.remove()
            removed.append(f"{kind} {name}")
    return removed


def _detach_all(network_: Any) -> None:
    """Detach containers that are not ours (a person's `docker run --network`): they would keep the network alive."""
    network_.reload()
    for container in network_.attrs.get("Containers") or {}:
        with contextlib.suppress(docker.errors.APIError):
            network_.disconnect(container, force=True)
