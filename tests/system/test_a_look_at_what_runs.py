"""What runs, other frameworks' services too, and the commands that look at it, or into it, and change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.conftest import Shipyard


def test_exec_runs_in_a_container_that_serves_and_ends_with_its_code(shipyard: Shipyard) -> None:
    source = "import os, sys; print(os.environ['SERVICE'], sys.stdin.read()); sys.exit(7)"

    done = shipyard.deploy_py("exec", "local", "movies", "--", "python3", "-c", source, code=7, stdin="ship")

    assert done.stdout == "movies ship\n"
    assert done.stderr.startswith("movies web, task ")


def test_exec_without_a_command_opens_what_the_image_has(shipyard: Shipyard) -> None:
    assert shipyard.deploy_py("exec", "local", "reviews", stdin="print(6 * 7)\n").stdout == "42\n"


def test_the_graph_shows_every_stack_with_its_state(shipyard: Shipyard, tmp_path: Path) -> None:
    page = tmp_path / "graph.html"

    found = json.loads(shipyard.deploy_py("graph", "--json", "--picture", str(page)).stdout)

    assert {one["status"] for one in found["stacks"]} == {"CREATE_COMPLETE"}
    assert {"name": "reviews", "calls": {"movies": ["movies:read"]}}.items() <= next(
        one for one in found["services"] if one["name"] == "reviews"
    ).items()
    assert "create complete" in page.read_text(encoding="utf-8")


def test_a_release_keeps_when_each_of_its_steps_ran(shipyard: Shipyard, tmp_path: Path) -> None:
    page = tmp_path / "release.html"
    (listed,) = json.loads(shipyard.deploy_py("releases", "--json").stdout)

    record = json.loads(
        shipyard.deploy_py("releases", "local", listed["release"], "--json", "--html", str(page)).stdout
    )

    assert (listed["verdict"], record["failures"], record["not_run"]) == ("good", {}, [])
    spans = {span["step"]: span for span in record["timeline"]}
    assert spans["network"]["ended"] <= spans["movies"]["began"] < spans["movies verdict"]["ended"]
    assert "movies verdict" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "greeting"), [("/greetings", "hello from Flask"), ("/salutes", "hello from Pyramid")]
)
def test_a_service_in_another_framework_serves_behind_the_gateway(
    shipyard: Shipyard, path: str, greeting: str
) -> None:
    answer = shipyard.request("GET", path)

    assert (answer.status, answer.json) == (200, {"greeting": greeting})
    assert answer.headers["x-request-id"]
