"""One small project, deployed once; every failure happens to it, on the real engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.failures.yard import Told, Yard

TABLE = Path(__file__).parent / "table.md"


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    """The Docker engine; without one the tests fail."""
    client = docker.from_env()
    client.ping()
    return client


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Iterator[Yard]:
    """The project, deployed."""
    made = Yard(tmp_path_factory.mktemp("failures") / "estaleiro")
    made.make()
    try:
        first = made.run("deploy")
        assert first.code == 0, first.text
        yield made
    finally:
        made.run("teardown", "--yes")


@pytest.fixture(scope="session")
def told() -> Iterator[Told]:
    """What every failure was told as; WRITE_FAILURES=1 writes the README's table from it."""
    rows = Told()
    yield rows
    if os.environ.get("WRITE_FAILURES"):
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(rows.table(), encoding="utf-8")
