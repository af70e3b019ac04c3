"""A service that `new service` wrote, deployed beside ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.system.conftest import Shipyard, eventually


@pytest.fixture(scope="module")
def newcomers(shipyard: Shipyard) -> Shipyard:
    """The system with a service more, deployed by the command that deploys everything."""
    shipyard.deploy_py("new", "service", "berths")
    shipyard.deploy_py("deploy", "local")
    return shipyard


@pytest.mark.slow
def test_a_new_service_passes_its_own_tests(newcomers: Shipyard) -> None:
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/services/test_berths.py"],
        cwd=newcomers.root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert tested.returncode == 0, tested.stdout


@pytest.mark.slow
def test_a_new_service_serves_stores_and_counts_by_its_own_task(newcomers: Shipyard) -> None:
    token = newcomers.token("berths:write")

    made = newcomers.request("POST", "/berths", {"name": "North quay"}, token=token)
    refused = newcomers.request("POST", "/berths", {"name": "South quay"})

    assert (made.status, refused.status) == (201, 401), made.body
    assert newcomers.request("GET", made.headers["location"]).json["name"] == "North quay"
    assert eventually(lambda: newcomers.request("GET", "/berths/count").json["count"] == 1)


@pytest.mark.slow
def test_every_process_of_the_newcomers_runs_and_the_plan_is_empty(newcomers: Shipyard) -> None:
    rows = json.loads(newcomers.deploy_py("status", "local", "--json").stdout)["services"]
    plan = json.loads(newcomers.deploy_py("plan", "local", "--json", "--fail-on-changes").stdout)

    running = {(row["service"], row["process"]): (row["running"], row["desired"]) for row in rows}
    assert running["berths", "worker"] == running["berths", "beat"] == (1, 1)
    assert plan["empty"] is True
