"""Starts a gateway of its own to measure: the image as ECS would run it, and a service that answers everything behind it."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
from docker.models.containers import Container

from tests.gateway.client import ask
from tests.gateway.image import ANSWERING, UPSTREAM_FILES, build
from tests.gateway.services_under_test import MANIFESTS

_SETTINGS = {
    "INTERNAL_DOMAIN": "measure.internal",
    "ENVIRONMENT": "measure",
    "ADDRESS_RATE": "100000",
    "MAX_CONCURRENCY": "4096",
}


@contextmanager
def gateway() -> Iterator[int]:
    """Yield the port on loopback of a gateway that runs; remove containers, network and image afterwards."""
    client = docker.from_env()
    name = f"est-gateway-measure-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        images = build(Path(folder), MANIFESTS)
    network = client.networks.create(name)
    started: list[Container] = []
    try:
        service = client.containers.create(
            images.gateway,
            ANSWERING,
            name=f"{name}-service",
            volumes=UPSTREAM_FILES,
            network=name,
        )
        started.append(service)
        network.disconnect(service)
        network.connect(service, aliases=[f"{each}.measure.internal" for each in MANIFESTS])
        service.start()
        door = client.containers.run(
            images.gateway,
            detach=True,
            name=name,
            network=name,
            ports={"8080/tcp": ("127.0.0.1", 0)},
            environment=_SETTINGS,
            read_only=True,
            tmpfs={"/tmp": "size=64m"},
        )
        started.append(door)
        yield _port(door)
    finally:
        for container in started:
            container.remove(force=True, v=True)
        network.remove()
        with suppress(docker.errors.APIError):  # a test that runs beside may use the same image
            client.images.remove(images.gateway)


def _port(container: Container) -> int:
    for _ in range(100):
        container.reload()
        ports = container.ports.get("8080/tcp")
        with suppress(OSError):
            if ports and ask(int(ports[0]["HostPort"]), "/films").status == 200:
                return int(ports[0]["HostPort"])
        time.sleep(0.1)
    raise SystemExit(f"the gateway did not become ready:\n{container.logs().decode()}")
