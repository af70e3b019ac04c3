"""Every web process keeps the contract of services/CONTRACT.md: ours, and those of other frameworks."""

import os
import shutil
from pathlib import Path

import cloud
import contract
import pytest

from chassis.testing import fresh_database, postgres
from infra.config import load

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
OURS = sorted(
    path.parent.name
    for path in (ROOT / "services").glob("*/service.toml")
    if (path.parent / "__main__.py").is_file()
)
OTHERS = ["flaskservice", "pyramidservice"]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FIXTURES), os.environ["PYTHONPATH"]]))


def environment(module):
    if module in OTHERS:
        return {}
    more = {
        **cloud.variables(), "KMS_KEY_ID": "unused-yet", "QUEUE_URL": "http://127.0.0.1:9/000000000000/q",
        "BUCKET": "none", "CLIENT_ID": module, "CLIENT_SECRET": "secret-client",
    }  # fmt: skip
    return {**postgres().environment(fresh_database(module).database), **more}


def test_every_web_process_keeps_the_contract(tmp_path):
    modules = [*OURS, *OTHERS]
    environments = {module: environment(module) for module in modules}

    found = contract.all_at_once(
        [lambda m=module: contract.breaches(m, tmp_path, environments[m]) for module in modules]
    )

    assert dict(zip(modules, found, strict=True)) == {module: [] for module in modules}


def test_no_process_starts_without_its_settings():
    modules = [*OURS, *OTHERS]

    refused = contract.all_at_once(
        [lambda m=module: contract.refuses_an_empty_environment(m) for module in modules]
    )

    assert dict(zip(modules, refused, strict=True)) == dict.fromkeys(modules, True)


@pytest.mark.parametrize("module", OTHERS)
def test_the_manifest_of_another_framework_is_read_as_ours_are(module, tmp_path):
    shutil.copytree(ROOT / "infra/environments", tmp_path / "infra/environments")
    for name in [*OURS, "gateway"]:
        (tmp_path / "services" / name).mkdir(parents=True)
        shutil.copy(ROOT / "services" / name / "service.toml", tmp_path / "services" / name)
    name = module.replace("_", "-")
    shutil.copytree(FIXTURES / module, tmp_path / "services" / name)

    (service,) = [service for service in load(tmp_path, "local").services if service.name == name]

    assert service.web is not None
    assert service.web.command == ("python3", "-m", module)
