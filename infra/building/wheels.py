"""Third-party packages of an image, fetched and unpacked by the host's pip for another Python and machine.

pip never runs inside a build: behind a proxy that re-signs TLS it would fail there, and built for another architecture
it could not run.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.building.markers import MACHINES, PYTHON_VERSION, for_image
from infra.errors import EstaleiroError
from infra.images import Architecture

_GLIBC = range(41, 16, -1)
"""Minor versions of glibc 2 whose wheels run on Debian trixie (2.41), newest first."""


def unpacked(lock: bytes, architecture: Architecture, *, cache: Path) -> Path:
    """Return a folder with the packages of `lock` as `sys.path` wants them, made on first use and kept in `cache`.

    Raises EstaleiroError, naming the package, when one has no wheel for the image's Python and architecture.
    """
    wanted = for_image(lock, architecture)
    key = hashlib.sha256(b"\0".join([wanted, PYTHON_VERSION.encode(), architecture.encode()])).hexdigest()[
        :16
    ]
    folder = cache / key
    if not (folder / "lib").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=cache) as made:
            _make(wanted, architecture, Path(made))
            _move(Path(made), folder)
    return folder / "lib"


def platforms(architecture: Architecture) -> tuple[str, ...]:
    """Return pip's names for the platforms whose wheels run in the image, best first."""
    machine = MACHINES[architecture]
    return (*(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC), f"manylinux2014_{machine}")


def download_command(lock: Path, architecture: Architecture, *, into: Path) -> list[str]:
    """Return the command that fetches the wheels of `lock`, checking each hash."""
    target = [word for platform in platforms(architecture) for word in ("--platform", platform)]
    return [*_pip("download"), *_exactly(lock), *target, *_for_python(), "--dest", str(into)]


def unpack_command(lock: Path, architecture: Architecture, *, wheels: Path, into: Path) -> list[str]:
    """Return the command that unpacks fetched wheels, from that folder alone."""
    target = [word for platform in platforms(architecture) for word in ("--platform", platform)]
    # pip measures what it installs by the Python that it runs on; the download was measured by the image's.
    offline = ["--ignore-requires-python", "--no-index", "--find-links", str(wheels), "--no-compile"]
    offline += ["--target", str(into)]
    return [*_pip("install"), *_exactly(lock), *target, *_for_python(), *offline]


def _pip(command: str) -> list[str]:
    return [sys.executable, "-m", "pip", command, "--quiet", "--no-input", "--disable-pip-version-check"]


def _exactly(lock: Path) -> list[str]:
    return ["--requirement", str(lock), "--require-hashes", "--no-deps", "--only-binary=:all:"]


def _for_python() -> list[str]:
    return ["--python-version", PYTHON_VERSION, "--implementation", "cp"]


def _make(lock: bytes, architecture: Architecture, folder: Path) -> None:
    requirements, wheels, lib = folder / "requirements.lock", folder / "wheels", folder / "lib"
    requirements.write_bytes(lock)
    _run(
        download_command(requirements, architecture, into=wheels),
        "the image's packages could not be fetched",
    )
    _run(
        unpack_command(requirements, architecture, wheels=wheels, into=lib),
        "the image's packages could not be unpacked",
    )
    shutil.rmtree(wheels)
    _point_scripts_at_the_image(lib / "bin")


def _move(made: Path, folder: Path) -> None:
    """Put the finished folder in place; another process that was faster has made the same one."""
    try:
        made.replace(folder)
    except OSError:
        if not (folder / "lib").is_dir():
            raise
    made.mkdir(exist_ok=True)  # TemporaryDirectory removes it


def _point_scripts_at_the_image(scripts: Path) -> None:
    """pip writes this machine's interpreter into the first line of `celery`, `alembic` and the like."""
    for script in scripts.glob("*"):
        first, newline, rest = script.read_bytes().partition(b"\n")
        if first.startswith(b"#!"):
            script.write_bytes(b"#!/usr/bin/python3" + newline + rest)


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reasons = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR: ")
        ] or done.stderr.splitlines()
        reason = reasons[-1].removeprefix("ERROR: ") if reasons else f"pip exited with code {done.returncode}"
        raise EstaleiroError(
            f"{failure}: {reason.rstrip('.')}; see its requirements.lock, and `make lock` to renew it"
        )
