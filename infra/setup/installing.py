"""Installing the locked packages: with uv, which takes a third of pip's time and is itself in the lock, or with pip."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from infra.setup.machine import CannotContinue, run, say

FAILURE = "the locked packages could not be installed"
# Where pip has been told of another index, only pip knows what else it needs: certificates, credentials.
_OWN_INDEX = re.compile(r"^[^=]*\.(?:index-url|no-index)=", re.MULTILINE)
_PIP = ("-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check")


def install(python: Path, lock: Path) -> None:
    """Install what `lock` says, hash by hash, for `python`; raise CannotContinue where that is not possible."""
    quick = locked(lock.read_text(encoding="utf-8"), "uv")
    if quick and not _OWN_INDEX.search(run([str(python), "-m", "pip", "config", "list"], FAILURE)):
        try:
            _with_uv(python, quick, lock)
        except CannotContinue as problem:
            say(f"  {problem}; once more with pip")
        else:
            return
    _with_pip(python, lock)


def locked(lock: str, name: str) -> str:
    """Return the lines of one package in the text of a lock file; empty where it is not in it."""
    found = re.search(rf"^{re.escape(name)}==.*(?:\n[ ]{{4}}--hash=.*)*", lock, re.MULTILINE)
    return f"{found[0]}\n" if found else ""


def _with_uv(python: Path, quick: str, lock: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "uv.lock"
        own.write_text(quick, encoding="utf-8")
        _with_pip(python, own)
    uv = [str(python.parent / "uv"), "pip", "install", "--quiet", "--python", str(python)]
    # The machine's certificates count: a proxy may sign anew what passes it.
    environment = {**os.environ, "UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}
    run(
        [*uv, "--require-hashes", "--compile-bytecode", "--requirement", str(lock)],
        FAILURE,
        environment=environment,
    )


def _with_pip(python: Path, lock: Path) -> None:
    run([str(python), *_PIP, "install", "--require-hashes", "--requirement", str(lock)], FAILURE)
