"""Writes the lock files: the tool's, and with the same versions the services'; every package by its hashes."""

from __future__ import annotations

from pathlib import Path

from infra.setup.machine import announced, run
from infra.setup.venv import OLDEST, ROOT, create

# Of the images: Debian trixie's.
_SERVICES_PYTHON = "3.13"


def lock(root: Path = ROOT) -> None:
    """Choose versions anew for both requirements.in files; raise CannotContinue where they cannot be had."""
    uv = _uv(root / ".estaleiro" / "uv")
    with announced("Choosing versions for requirements.lock and services/requirements.lock"):
        for command in commands(uv):
            run([*command, "--directory", str(root)], "the lock files could not be written")


def commands(uv: Path) -> list[list[str]]:
    """Return what resolves both, the tool's first: its versions bind the services'."""
    compile_ = [
        str(uv),
        "pip",
        "compile",
        "--quiet",
        "--upgrade",
        "--universal",
        "--generate-hashes",
        "--no-header",
    ]
    tool = [
        "--python-version",
        "{}.{}".format(*OLDEST),
        "requirements.in",
        "--output-file",
        "requirements.lock",
    ]
    bound = [
        "--python-version",
        _SERVICES_PYTHON,
        "--constraint",
        "requirements.lock",
        "services/requirements.in",
    ]
    return [[*compile_, *tool], [*compile_, *bound, "--output-file", "services/requirements.lock"]]


def _uv(folder: Path) -> Path:
    """uv resolves for all platforms at once, which pip does not; it lives beside the environment, not in it."""
    program = folder / "bin" / "uv"
    if not program.exists():
        create(folder)
        with announced("Installing uv, which writes the lock files"):
            python = str(folder / "bin" / "python")
            run([python, "-m", "pip", "install", "--quiet", "--no-input", "uv"], "uv could not be installed")
    return program
