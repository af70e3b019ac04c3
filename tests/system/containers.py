"""The running containers of a clone's local cloud."""

from __future__ import annotations

import hashlib

import docker

from tests.system.conftest import Shipyard


def running(engine: docker.DockerClient, yard: Shipyard, *words: str) -> list[str]:
    """Return the names of the clone's running containers that hold every word; other tests' come and go meanwhile."""
    own = hashlib.sha256(str(yard.root.resolve()).encode()).hexdigest()[:6]
    names = (str(container.name) for container in engine.containers.list(ignore_removed=True))
    return [name for name in names if own in name and all(word in name for word in words)]
