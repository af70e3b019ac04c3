"""`deploy.py new service NAME`: what it writes passes its own tests, is a valid manifest, and has routes at the gateway."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.commands.new import new_service
from infra.config import load
from infra.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    """A repository with everything that a service leans on."""
    for folder in ("services", "infra/environments", "images/gateway"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/services").mkdir(parents=True)
    for name in ("conftest.py", "agreement.py"):
        shutil.copy(ROOT / "tests/services" / name, tmp_path / "tests/services")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def python(root, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "HOME": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_new_service_is_complete(copy):
    written = new_service(copy, "berths")

    tested = python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/services/test_berths.py")
    assert tested.returncode == 0, tested.stdout
    paths = [str(path) for path in written if path.suffix == ".py"]
    checked = python(copy, "-m", "ruff", "check", "--no-cache", *paths)
    assert checked.returncode == 0, checked.stdout
    formatted = python(copy, "-m", "ruff", "format", "--no-cache", "--check", *paths)
    assert formatted.returncode == 0, formatted.stdout
    services = {service.name: service for service in load(copy, "local").services}
    assert set(services["berths"].processes) == {"web", "worker", "beat"}
    routed = python(copy, "images/gateway/routes.py", "services", "routes.json")
    assert routed.returncode == 0, routed.stderr
    assert '"berths"' in json.dumps(json.loads((copy / "routes.json").read_text()))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("movies", "services/movies is there already"),
        ("Berths", "should be 2 to 20 lower-case letters and digits"),
        ("my-berths", "should be 2 to 20 lower-case letters and digits"),
        ("b" * 21, "should be 2 to 20 lower-case letters and digits"),
        ("../x", "should be 2 to 20 lower-case letters and digits"),
        ("email", "Python has a module"),
        ("async", "Python has a module"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(tmp_path, name, why):
    (tmp_path / "services/movies").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match=why):
        new_service(tmp_path, name)

    assert [path.name for path in tmp_path.rglob("*")] == ["services", "movies"]
