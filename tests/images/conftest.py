"""A repository with one service and its images, built on the real engine; the service's own are removed again."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from infra.docker import Engine
from infra.images import describe, describe_postgres, local_reference
from tests.images.hello import ROOT, Built, builder


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "images", root / "images")
    for name in ("chassis", "hello"):
        (root / "services" / name).mkdir(parents=True)
        (root / "services" / name / "__init__.py").write_text("")
    (root / "services/hello/__main__.py").write_text("import os\nprint('hello from', os.getuid())\n")
    shutil.copy(ROOT / "services/requirements.lock", root / "services")
    return root


@pytest.fixture(scope="session")
def built(root: Path, engine: Engine, client: docker.DockerClient) -> Iterator[Built]:
    """`build`, `base`, `packages` and `postgres` are those of the project itself, so they stay for the next run."""
    images = (*describe(root, [("hello", "python")], engine.architecture()), describe_postgres(root))
    told: list[tuple[str, str, str]] = []
    builder(engine, told).build(images)
    yield Built(root, {image.name: image for image in images}, told)
    for image in images:
        if image.name in ("hello", "chassis"):
            with suppress(docker.errors.ImageNotFound):  # another run made the same image and removed it
                client.images.remove(local_reference(image.tag), force=True)
