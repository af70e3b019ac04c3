"""Writes the lock files: the tool's, and with the same versions those of the images; every package by its hashes."""

from __future__ import annotations

from pathlib import Path

from infra.setup.machine import announced, run
from infra.setup.venv import OLDEST, ROOT

# Of the images: Debian trixie's.
_IMAGES_PYTHON = "3.13"
_IMAGES = ("services", "images/reaper")


def lock(root: Path = ROOT) -> None:
    """Choose versions anew for every requirements.in, with the uv of `root`/.venv.

    Raises CannotContinue where they cannot be had.
    """
    uv = root / ".venv" / "bin" / "uv"
    with announced("Choosing versions for requirements.lock and those of the images"):
        for command in commands(uv):
            run([*command, "--directory", str(root)], "the lock files could not be written")


def commands(uv: Path) -> list[list[str]]:
    """Return what resolves them all, the tool's first: its versions bind those of the images."""
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
    oldest = "{}.{}".format(*OLDEST)
    tool = ["--python-version", oldest, "requirements.in", "--output-file", "requirements.lock"]
    bound = ["--python-version", _IMAGES_PYTHON, "--constraint", "requirements.lock"]
    images = [
        [*bound, f"{folder}/requirements.in", "--output-file", f"{folder}/requirements.lock"]
        for folder in _IMAGES
    ]
    return [[*compile_, *words] for words in (tool, *images)]
