"""The host's network rules, tried with packets: a host, a task behind its bridge, the metadata service, a stranger."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infra.hosts.ignition import FILES
from tests.hosts.machines import Tool

NETWORK = Path(__file__).with_name("network.sh")


def tried(tool: Tool) -> dict[str, str]:
    """What each of the attempts got, by who asked for what, before and after the rules."""
    for name in ("ip", "iptables", "sysctl"):
        tool(name)
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    words = [
        tool("unshare"),
        *user,
        "--net",
        "--mount",
        "bash",
        str(NETWORK),
        str(FILES / "netfilter"),
        str(FILES / "90-ecs.conf"),
        sys.executable,
    ]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env={"PATH": path})
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_task_roles_are_redirected_and_metadata_and_introspection_refused(tool: Tool) -> None:
    assert tried(tool) == {
        "before, host credentials": "nothing",
        "before, task credentials": "nothing",
        "before, host metadata": "metadata",
        "before, task metadata": "metadata",
        "before, host introspection": "introspection",
        "before, task introspection": "introspection",
        "before, stranger introspection": "introspection",
        "before, stranger loopback": "loopback",
        "a second time": "the same rules",
        "after, host credentials": "credentials",
        "after, task credentials": "credentials",
        "after, host metadata": "metadata",
        "after, task metadata": "nothing",
        "after, host introspection": "introspection",
        "after, task introspection": "nothing",
        "after, stranger introspection": "nothing",
        "after, stranger loopback": "nothing",
    }
