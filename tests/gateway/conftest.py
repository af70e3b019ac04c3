"""A gateway image for two services of the tests' own, a network, and containers that are gone when the test is over."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.networks import Network

from tests.gateway.client import Answer, ask
from tests.gateway.image import ANSWERING, UPSTREAM_FILES, Images, build
from tests.gateway.services_under_test import MANIFESTS

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "images" / "gateway"))


@dataclass(frozen=True)
class Gateway:
    """A running gateway: `port` is its own on loopback, `address` its address on the network."""

    container: Container
    port: int
    address: str

    def ask(self, path: str, **request: Any) -> Answer:
        return ask(self.port, path, **request)

    def line(self, kind: str, answer: Answer) -> dict[str, Any]:
        """Return the line of one kind (access, audit) about an answer; it is written after the answer is sent."""
        return self.lines(kind, [answer])[0]

    def lines(self, kind: str, answers: Sequence[Answer]) -> list[dict[str, Any]]:
        """Return the line of one kind about each answer."""
        wanted = [answer.headers["X-Request-ID"] for answer in answers]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self._hurry_the_log()
            written = map(json.loads, self.container.logs(stdout=True, stderr=False).decode().splitlines())
            found = {line["request_id"]: line for line in written if line["kind"] == kind}
            if found.keys() >= set(wanted):
                return [found[one] for one in wanted]
        raise AssertionError(f"no {kind} line about one of {answers}")

    def _hurry_the_log(self) -> None:
        """Let every worker write what it has buffered, at once rather than in a second: another line has no room beside it."""
        for _ in range(18):
            ask(self.port, "/health", headers={"User-Agent": "x" * 1024})


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, client: docker.DockerClient) -> Iterator[Images]:
    images = build(tmp_path_factory.mktemp("repository"), MANIFESTS)
    yield images
    with suppress(docker.errors.ImageNotFound):  # another run made the same image and removed it
        client.images.remove(images.gateway, force=True)


@pytest.fixture(scope="session")
def network(client: docker.DockerClient) -> Iterator[Network]:
    network = client.networks.create(f"est-gateway-test-{uuid.uuid4().hex[:8]}")
    yield network
    network.remove()


@pytest.fixture(scope="session")
def start_upstream(
    client: docker.DockerClient, images: Images, network: Network
) -> Callable[[str, list[str]], Container]:
    """Start a container that answers as `name` under the given names on the network; the caller removes it.

    One called `answering` answers everything alike, and quickly.
    """

    def start(name: str, aliases: list[str]) -> Container:
        quick = name == "answering"
        container = client.containers.create(
            images.gateway if quick else images.base,
            ANSWERING if quick else ["python3", "/upstream.py", name],
            user=None if quick else "0:0",
            name=f"est-gateway-test-{name}-{uuid.uuid4().hex[:8]}",
            volumes=UPSTREAM_FILES,
            network=network.name,
        )
        network.disconnect(container)
        network.connect(container, aliases=aliases)
        container.start()
        return container

    return start


@pytest.fixture(scope="session")
def upstream(start_upstream: Callable[[str, list[str]], Container]) -> Iterator[Container]:
    container = start_upstream("one", [f"{name}.test.internal" for name in MANIFESTS])
    yield container
    container.remove(force=True)


@pytest.fixture(scope="session")
def start_gateway(
    client: docker.DockerClient, images: Images, network: Network, upstream: Container
) -> Iterator[Callable[..., Gateway]]:
    """Start a gateway as ECS would: read-only root, /tmp in memory, the image's own user and command."""
    started: list[Container] = []

    def start(**environment: str) -> Gateway:
        container = client.containers.run(
            images.gateway,
            detach=True,
            name=f"est-gateway-test-{uuid.uuid4().hex[:8]}",
            network=network.name,
            ports={"8080/tcp": ("127.0.0.1", 0)},
            environment={"INTERNAL_DOMAIN": "test.internal", "ENVIRONMENT": "test", **environment},
            init=True,
            read_only=True,
            tmpfs={"/tmp": "size=64m"},
            mem_limit="256m",
        )
        started.append(container)
        return _ready(container, network)

    yield start
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda container: container.remove(force=True, v=True), started))


def _ready(container: Container, network: Network) -> Gateway:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        container.reload()
        ports = container.ports.get("8080/tcp")
        if container.status == "exited":
            raise AssertionError(container.logs().decode())
        if ports and _answers(int(ports[0]["HostPort"])):
            address = container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
            return Gateway(container, int(ports[0]["HostPort"]), address)
        time.sleep(0.05)
    raise AssertionError(container.logs().decode())


def _answers(port: int) -> bool:
    try:
        return ask(port, "/health").status == 200
    except (OSError, HTTPException):
        return False


@pytest.fixture(scope="session")
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(ADDRESS_RATE="100000")


@pytest.fixture(scope="session")
def generous(
    start_gateway: Callable[..., Gateway], start_upstream: Callable[[str, list[str]], Container]
) -> Iterator[Gateway]:
    """A gateway that takes as many requests as a list has, before services that answer everything."""
    answering = start_upstream("answering", [f"{name}.answering.internal" for name in MANIFESTS])
    yield start_gateway(INTERNAL_DOMAIN="answering.internal", ADDRESS_RATE="100000", MAX_CONCURRENCY="4096")
    answering.remove(force=True)
