"""Hosts as folders: an Ignition config applied by the real Ignition binary to a root with what the image brings."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from infra.hosts import host_ignition, nat_ignition
from infra.hosts.ignition import System

Tool = Callable[[str], str]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbcdefghijklmnopqrstuvwxyz0123456789ABCDEFG operators"
SYSTEMS: tuple[System, ...] = ("flatcar", "fedora-coreos")
# What CloudFormation fills in.
FILLED = {
    "@CLUSTER@": "yard-staging",
    "@REGION@": "eu-west-1",
    "@VPC_CIDR@": "10.0.0.0/16",
    "@ROUTE_TABLES@": "rtb-1%20rtb-2",
}
STOCK_UNIT = (
    "[Unit]\nDescription={0}\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
)


def host(os: System, *, ssm: bool = False) -> str:
    """The config of a host with its marks filled in."""
    tags = {"yard:environment": "staging"}
    return filled(host_ignition(os=os, agent_version="v1.105.1", ssh_keys=(KEY,), tags=tags, ssm=ssm))


def nat(os: System) -> str:
    """The config of a NAT host with its marks filled in."""
    return filled(nat_ignition(os=os, ssh_keys=(KEY,)))


def filled(config: str) -> str:
    """Fill in what CloudFormation would."""
    for mark, value in FILLED.items():
        config = config.replace(mark, value)
    return config


def applied(config: str, folder: Path, tool: Tool) -> Path:
    """Apply a config with the stages that a first boot runs; return the root folder that came of it."""
    (folder / "config.ign").write_text(config, encoding="utf-8")
    root = _bare_root(folder / "root")
    path = f"{_relabelling(folder)}{os.pathsep}{os.environ['PATH']}"
    for stage in ("fetch-offline", "fetch", "files"):
        words = [tool("ignition"), "-platform=file", f"-stage={stage}", f"-root={root}", "-log-to-stdout"]
        words += [
            f"-config-cache={folder}/cache.json",
            f"-state-file={folder}/state",
            f"-neednet={folder}/net",
        ]
        done = subprocess.run(
            [*_as_root(tool), *words],
            cwd=folder,
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:]
    # On first boot systemd turns the presets that Ignition wrote into links.
    presets = [tool("systemctl"), f"--root={root}", "preset-all"]
    subprocess.run([*_as_root(tool), *presets], capture_output=True, check=True)
    return root


def relabelled(root: Path) -> set[str]:
    """What Ignition asked SELinux to label, as paths of the host."""
    asked = (root.parent / "relabelled").read_bytes().split(b"\0")
    return {"/" + os.path.relpath(path.decode(), root) for path in asked if path}


def written(root: Path) -> dict[str, tuple[int, str]]:
    """Every file under /etc, /home and /var of a root that Ignition wrote: its mode and text by path."""
    own = (
        "etc/passwd",
        "etc/group",
        "etc/shadow",
        "etc/selinux",
        "etc/systemd/system-preset",
        "etc/.ignition",
    )
    return {
        f"/{path.relative_to(root)}": (stat.S_IMODE(path.lstat().st_mode), path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and path.is_relative_to(root)
        and not str(path.relative_to(root)).startswith((*own, "usr/"))
    }


def links(root: Path) -> dict[str, str]:
    """Every link under /etc of a root."""
    found = (path for path in sorted((root / "etc").rglob("*")) if path.is_symlink())
    return {f"/{path.relative_to(root)}": str(path.readlink()) for path in found}


def _bare_root(root: Path) -> Path:
    """What the image brings: the user `core`, and units that a config enables or masks."""
    owner = f"{os.getuid()}:{os.getgid()}" if os.getuid() == 0 else "0:0"
    texts = {
        "etc/passwd": f"root:x:0:0::/root:/bin/sh\ncore:x:{owner}::/home/core:/bin/bash\n",
        "etc/group": "root:x:0:\ncore:x:500:\n",
        "etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
        "etc/shadow": "root:*:1::::::\ncore:*:1::::::\n",
        "usr/lib/systemd/system-preset/99-default.preset": "disable *\n",
        **{
            f"usr/lib/systemd/system/{name}.service": STOCK_UNIT.format(name)
            for name in ("docker", "amazon-ssm-agent")
        },
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "home/core").mkdir(parents=True)
    return root


def _relabelling(folder: Path) -> Path:
    """A folder with a `setfiles` that keeps what it is asked: labels themselves need a kernel with SELinux."""
    program = folder / "bin/setfiles"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec cat >>{folder}/relabelled\n", encoding="utf-8")
    program.chmod(0o755)
    return program.parent


def _as_root(tool: Tool) -> list[str]:
    """Ignition gives files to root: without being root, in a user namespace where we are."""
    return [] if os.getuid() == 0 else [tool("unshare"), "--user", "--map-root-user"]
