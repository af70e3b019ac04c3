"""Debian trixie made from its packages, for machines whose Docker engine reaches no registry.

Runs on Debian and Ubuntu, as root or with sudo; the tools it needs are named and installed first.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.errors import EstaleiroError
from infra.setup.machine import CannotContinue, apt_install, as_root, is_debian, require_space, run

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_GIGABYTES = 1
# Debian's own slim images leave these out too.
_UNWANTED = ("doc", "info", "lintian", "locale", "man")


@contextmanager
def archive() -> Iterator[Path]:
    """Make Debian and yield the tar file of its file system, which is gone afterwards.

    Raises EstaleiroError where that is not possible: another system, neither root nor sudo, no package mirror.
    """
    with tempfile.TemporaryDirectory(prefix="estaleiro-debian-") as folder:
        try:
            yield _make(Path(folder))
        except CannotContinue as problem:
            raise EstaleiroError(str(problem)) from problem


def mmdebstrap_command(file: Path) -> list[str]:
    """Return the command that writes the file system of a slim Debian into a tar file."""
    slim = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _UNWANTED]
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=ca-certificates",
        *slim,
        SUITE,
        str(file),
    ]


def debootstrap_commands(folder: Path, file: Path) -> list[list[str]]:
    """Return the commands that do the same with the older tool, by way of a folder that they remove."""
    return [
        ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(folder), MIRROR],
        ["tar", "--create", "--numeric-owner", f"--file={file}", f"--directory={folder}", "."],
        ["rm", "-rf", str(folder)],
    ]


def _make(folder: Path) -> Path:
    _require_debian()
    require_space(folder, _GIGABYTES, "making the Debian base image")
    file = folder / "debian.tar"
    tool = _tool()
    _require_keyring()
    commands = (
        [mmdebstrap_command(file)] if tool == "mmdebstrap" else debootstrap_commands(folder / "root", file)
    )
    for command in commands:
        run(_root(command), f"the base image could not be made with {tool}")
    return file


def _tool() -> str:
    """Return `mmdebstrap`, or `debootstrap` where the first is not to be had."""
    for tool in ("mmdebstrap", "debootstrap"):
        if shutil.which(tool):
            return tool
    try:
        apt_install(["mmdebstrap"], "the Debian base image, which no registry gives")
    except CannotContinue:
        apt_install(["debootstrap"], "the Debian base image, which no registry gives")
        return "debootstrap"
    return "mmdebstrap"


def _require_keyring() -> None:
    """Ubuntu does not know Debian's signing keys."""
    if not _KEYRING.exists():
        apt_install(["debian-archive-keyring"], "checking the signatures of Debian's packages")


def _require_debian() -> None:
    if not is_debian() or as_root([]) is None:
        raise CannotContinue(
            "no registry answers to give debian:trixie-slim, and it can be made on Debian or Ubuntu by root alone: "
            "load it into the engine (`docker load`) from a machine that can pull it"
        )


def _root(command: Sequence[str]) -> list[str]:
    return as_root(command) or list(command)
