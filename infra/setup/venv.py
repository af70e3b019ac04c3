"""The locked environment of the tool and its tests: .venv, made from requirements.lock with every hash checked.

A stamp, written last, says which lock and interpreter it was made from; without it the environment is not ready.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from infra.setup import installing
from infra.setup.machine import CannotContinue, announced, apt_install, require_space, run, say

ROOT = Path(__file__).resolve().parent.parent.parent
OLDEST = (3, 11)
NEWEST = (3, 14)
_GIGABYTES = 1.5
_UNFINISHED = "unfinished\n"


def ensure_venv_and_reexec(root: Path, argv: Sequence[str]) -> None:
    """Go on under .venv's interpreter, made first where it is not ready; return when that is what runs already.

    `argv` is the script and its arguments. Exits 1 with one sentence where the environment cannot be made.
    """
    folder = root / ".venv"
    ready = is_ready(folder, root / "requirements.lock")
    if ready and os.path.realpath(sys.prefix) == os.path.realpath(str(folder)):
        return
    try:
        if not ready:
            ensure_venv(root)
        python = str(_python(folder))
        os.execv(python, [python, *argv])  # noqa: S606
    except CannotContinue as problem:
        say(str(problem))
        sys.exit(1)


def ensure_venv(root: Path = ROOT) -> None:
    """Make or repair `root`/.venv; raise CannotContinue where that is not possible."""
    folder, lock = root / ".venv", root / "requirements.lock"
    if is_ready(folder, lock):
        return
    if sys.version_info[:2] < OLDEST:
        _under_newer_python(root)
        return
    with _alone(root):
        if is_ready(folder, lock):  # another call has made it meanwhile
            return
        require_space(root, _GIGABYTES, "the environment of the tool (.venv)")
        _make(folder, lock)


def is_ready(folder: Path, lock: Path) -> bool:
    """True when the environment was made to its end, from this lock, and its interpreter is still there.

    A link to an environment of somebody else's is taken as it is: it is not ours to remake.
    """
    if folder.is_symlink():
        return _python(folder).exists()
    try:
        return (folder / "stamp").read_text() == _stamp(folder, lock)
    except OSError:
        return False


def find_python(path: str | None = None) -> str | None:
    """Return the newest interpreter on the PATH that the tool runs on."""
    names = (f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1))
    return next((found for found in (shutil.which(name, path=path) for name in names) if found), None)


def _make(folder: Path, lock: Path) -> None:
    stamp = folder / "stamp"
    # Packages that an interrupted call left half-installed look installed to pip.
    if not _has_pip(folder) or (stamp.exists() and stamp.read_text() == _UNFINISHED):
        create(folder)
    stamp.write_text(_UNFINISHED)
    with announced(f"Installing the locked packages into {folder} (requirements.lock)"):
        installing.install(_python(folder), lock)
    stamp.write_text(_stamp(folder, lock))


def create(folder: Path) -> None:
    """Make an empty environment in `folder`, in the place of any that is there."""
    # Inside an environment, a new one is made by the interpreter underneath.
    python = getattr(sys, "_base_executable", sys.executable)
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        _install_venv(python)
    with announced(f"Making the Python environment {folder}"):
        run([python, "-m", "venv", "--clear", str(folder)], "the Python environment could not be made")


def _install_venv(python: str) -> None:
    """Debian keeps `ensurepip` in a package of its own."""
    if not os.path.realpath(python).startswith("/usr/bin/"):
        raise CannotContinue(f"{python} has no `venv` module: install Python with it, or use another Python")
    apt_install(["python{}.{}-venv".format(*sys.version_info[:2])], "the Python environment (.venv)")


def _has_pip(folder: Path) -> bool:
    """True for an environment that can be completed where it stands."""
    try:
        command: list[str] = [str(_python(folder)), "-m", "pip", "--version"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _under_newer_python(root: Path) -> None:
    """Do the same with an interpreter that is new enough, where there is one."""
    better = find_python()
    if better is None:
        raise CannotContinue(
            "Python 3.11 or later is needed, and this is {}.{}: install it (on Debian 12, Ubuntu 23.04 and later: "
            "apt-get install python3 python3-venv)".format(*sys.version_info[:2])
        )
    code = subprocess.call([better, "-m", "infra.setup", "venv"], cwd=str(root))
    if code != 0:  # it has said why
        sys.exit(code)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(folder: Path, lock: Path) -> str:
    interpreter = Path(os.path.realpath(str(_python(folder))))
    interpreter.stat()  # an interpreter that an upgrade of the system removed
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()}\n{interpreter}\n"


def _lock_file(root: Path) -> IO[str]:
    try:
        (root / ".estaleiro").mkdir(exist_ok=True)
        return (root / ".estaleiro" / "setup.lock").open("w")
    except OSError as error:
        raise CannotContinue(
            f"{root} cannot be written ({error.strerror}), and the tool keeps its environment and its state there: "
            "run it as the owner of that folder, or clone into one of yours"
        ) from error


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Two commands started at once do not make the same environment."""
    with _lock_file(root) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Waiting for another command that makes the environment")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
