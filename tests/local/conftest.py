"""One local cloud for a whole test run; without a Docker engine these tests fail, they are never skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import engine, process
from tests.local import cloud as clouds
from tests.local import deployed
from tests.local.cloud import Cloud
from tests.local.deployed import Deployed

ROOT = Path(__file__).parents[2]
POSTGRES = "estaleiro-test-postgres"


@pytest.fixture(scope="session")
def postgres_image() -> str:
    """Build the local cloud's database image; a second run takes it from the engine's cache."""
    engine.client().images.build(path=str(ROOT / "images" / "postgres"), tag=POSTGRES, rm=True)
    return f"{POSTGRES}:latest"


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, postgres_image: str) -> Iterator[Cloud]:
    """Start a local cloud on free ports; tests share it and use stack names of their own."""
    settings = clouds.settings(tmp_path_factory.mktemp("cloud") / "state", postgres_image)
    try:
        process.ensure(settings)
        yield Cloud(settings)
    finally:
        process.destroy(settings)


@pytest.fixture(scope="session")
def stack(cloud: Cloud) -> Deployed:
    """Deploy the stack of everything."""
    return deployed.deploy(cloud)
