"""The Debian packages behind the programs that only tests start: installed before the tests, or when one first needs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.setup.machine import CannotContinue, apt_install, as_root, run, say

# Where Debian puts what is not on everybody's PATH.
_FOLDERS = ("/usr/sbin", "/sbin", "/usr/lib/dracut/modules.d/30ignition")
PACKAGES = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "ignition": "ignition",
    "ignition-validate": "ignition",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "sysctl": "procps",
    "systemctl": "systemd",
    "systemd-analyze": "systemd",
    "unshare": "util-linux",
}
# What a package starts by itself on a machine with systemd.
_SERVERS = {"openssh-server": ("ssh.service",)}


def ensure_programs(programs: Mapping[str, str] = PACKAGES) -> None:
    """Install what is missing, all at once and named first.

    Where that is not possible it is said, and the tests that need one fail by name: all others can run.
    """
    missing = sorted({package for name, package in programs.items() if _found(name) is None})
    if not missing:
        return
    try:
        apt_install(missing, "testing")
        for package in missing:
            _close_doors(package)
    except CannotContinue as problem:
        say(str(problem))


def program(name: str) -> str:
    """Return the path of a program, its package installed where it is missing; raise CannotContinue where it cannot be."""
    found = _found(name)
    if found is None:
        apt_install([PACKAGES[name]], f"the tests' {name}")
        _close_doors(PACKAGES[name])
        found = _found(name)
    if found is None:
        raise CannotContinue(
            f"{PACKAGES[name]} is installed, but there is no {name}: look at `dpkg -L {PACKAGES[name]}`"
        )
    return found


def _close_doors(package: str) -> None:
    """A server that only tests start must not listen to the world because its package is here."""
    stop = as_root(["systemctl", "disable", "--now", *_SERVERS.get(package, ())])
    if package in _SERVERS and stop is not None and Path("/run/systemd/system").is_dir():
        run(stop, f"{package} was installed for tests, but its server could not be stopped")


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_FOLDERS]))
