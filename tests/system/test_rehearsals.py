"""Every environment's own configuration deployed to a local cloud: the same templates and counts, real containers."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest

from tests.ports import free_port
from tests.system.conftest import Shipyard, copy_of_this_checkout


@pytest.mark.long
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_environment_is_planned_deployed_and_gone_again(
    environment: str, tmp_path: Path, engine: docker.DockerClient
) -> None:
    yard = Shipyard(tmp_path / "estaleiro", free_port(), free_port())
    copy_of_this_checkout(yard.root)

    try:
        kept = json.loads(yard.deploy_py("rehearse", environment, "--soak", "3", "--keep", "--json").stdout)
        served = yard.request("GET", "/movies?limit=1")
    finally:
        yard.deploy_py("rehearse", environment, "--end", code=None)

    steps = [step["does"] for step in kept["steps"]]
    assert f"create stack estaleiro-{environment}-network" in steps
    assert {"run task migrate of movies", "verdict on gateway", "smoke test through the edge"} <= set(steps)
    assert (kept["verdict"].split()[0], served.status) == ("deployed", 200)
    assert [
        one.name
        for one in engine.containers.list(ignore_removed=True)
        if f"rehearsal-{environment}" in one.name
    ] == []
