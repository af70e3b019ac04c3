"""Every template of three environments as it should be; `UPDATE_GOLDEN=1 pytest …` writes what it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.shipyard import all_stacks, reaper

GOLDEN = Path(__file__).parents[1] / "golden"
ENVIRONMENTS = ("local", "staging", "production")


def _written(template: str) -> str:
    return json.dumps(json.loads(template), indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_templates_are_those_of_the_golden_files(environment: str) -> None:
    folder = GOLDEN / environment
    made = {f"{stack.part}.json": _written(stack.template) for stack in all_stacks(environment)}
    if environment == "staging":
        made["reaper.json"] = _written(reaper(environment).template)
    if os.environ.get("UPDATE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.json"):
            path.unlink()
        for name, text in made.items():
            (folder / name).write_text(text, encoding="utf-8")

    golden = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}

    assert sorted(made) == sorted(golden)
    for name, text in made.items():
        assert text == golden[name], f"{environment}/{name} differs; look, then UPDATE_GOLDEN=1 writes it"
