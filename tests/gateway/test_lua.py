"""Runs the gateway's Lua unit tests inside its own image; each is a test here."""

import json
import re
from pathlib import Path

import docker
import pytest

from tests.gateway.image import Images

FOLDER = Path(__file__).parent / "lua"
NAMES = [
    f"{path.stem}.{name}"
    for path in sorted(FOLDER.glob("*_test.lua"))
    for name in re.findall(r"^function tests\.(\w+)", path.read_text(), re.MULTILINE)
]


@pytest.fixture(scope="module")
def outcomes(client: docker.DockerClient, images: Images) -> dict[str, str]:
    container = client.containers.create(
        images.gateway,
        ["/usr/sbin/nginx", "-e", "stderr", "-c", "/tests/run.conf"],
        volumes={str(FOLDER): {"bind": "/tests", "mode": "ro"}},
        read_only=True,
        tmpfs={"/tmp": ""},
    )
    try:
        container.start()
        container.wait()
        lines = container.logs(stderr=False).decode().splitlines()
        assert lines, container.logs().decode()
    finally:
        container.remove(force=True)
    return {
        f"{line['module']}.{line['test']}": line.get("failure", "passed") for line in map(json.loads, lines)
    }


@pytest.mark.parametrize("name", NAMES)
def test_lua(name: str, outcomes: dict[str, str]) -> None:
    assert outcomes.get(name, "did not run") == "passed"
