"""What set-up may do to this machine: run programs, become root, install packages; each is announced first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_LISTS = Path("/var/lib/apt/lists")


class CannotContinue(Exception):
    """One sentence: what is missing, and what to do about it."""


def say(text: str) -> None:
    """Print a line of progress; standard output is for data."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def announced(text: str) -> Iterator[None]:
    """Say what is about to be done, and how long it took where that is over two seconds."""
    say(text)
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    if seconds > 2:
        say(f"  done in {seconds:.0f} s")


def run(command: Sequence[str], failure: str, *, environment: Mapping[str, str] | None = None) -> str:
    """Return what the program printed; raise CannotContinue with `failure` and the program's own last words.

    `environment` takes the place of ours.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    except OSError as error:
        raise CannotContinue(f"{failure}: {command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise CannotContinue(
            "{}: {}".format(failure, last_words(done.stdout) or f"exit code {done.returncode}")
        )
    return done.stdout


def last_words(output: str) -> str:
    """Return the line that says why: the last one that begins like an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "failed"))]
    # pip says that a package does not exist when it could not reach the registry.
    broken = [line.split("connection broken by ", 1)[1] for line in lines if "connection broken by " in line]
    if broken and errors and "No matching distribution" in errors[-1]:
        return f"no package registry answers: {broken[-1]}"
    return (errors or lines or [""])[-1]


def is_debian() -> bool:
    """True on Debian, Ubuntu and what is made from them."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def as_root(command: Sequence[str]) -> list[str] | None:
    """Return the command as root runs it, or None where we are neither root nor may use sudo."""
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None or not _sudo_works():
        return None
    return ["sudo", *command]


def apt_install(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages, naming them first; raise CannotContinue where that is not possible."""
    names = " ".join(packages)
    install = as_root(_apt(["install", "-y", "--no-install-recommends", *packages]))
    if not is_debian() or install is None:
        raise CannotContinue(
            f"{purpose} needs {names}: install it, or run this as root or with sudo on Debian or Ubuntu"
        )
    update = as_root(_apt(["update"])) or []
    with announced(f"Installing Debian packages for {purpose}: {names}"):
        if not any(_LISTS.glob("*_Packages*")) and not any(_LISTS.glob("*InRelease")):
            run(update, "apt-get update failed")
        try:
            run(install, "")
        except CannotContinue:  # old lists name versions that are gone
            run(update, "apt-get update failed")
            run(install, f"apt-get could not install {names}")


def require_space(folder: Path, gigabytes: float, purpose: str) -> None:
    """Raise CannotContinue where the disk of `folder` has less free space than that."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(str(folder)).free / 1e9
    if free < gigabytes:
        raise CannotContinue(
            f"{purpose} needs {gigabytes:g} GB of disk and {folder} has {free:.1f} GB free: make room and try again"
        )


def _apt(words: Sequence[str]) -> list[str]:
    # Another apt (unattended upgrades) may be at work: wait for it.
    return [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=300",
        *words,
    ]


def _sudo_works() -> bool:
    """With a terminal sudo may ask for the password; without one it must not need any."""
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    return (
        subprocess.run(
            ["sudo", "-n", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )
