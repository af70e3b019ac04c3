"""A real sshd on loopback that lets one key in; its sessions see programs of the test's own before the machine's."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.ssh import Remote
from tests.ports import free_port

Tool = Callable[[str], str]

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {key}.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin
LogLevel ERROR
"""


def key_pair(path: Path, tool: Tool) -> Path:
    """Make a key without a passphrase; return where its private half is."""
    words = [tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return path


@contextmanager
def sshd(folder: Path, key: Path, tool: Tool) -> Iterator[Remote]:
    """Run an sshd for as long as the block lasts; `bin/` in its folder comes first on the PATH of its sessions."""
    (folder / "bin").mkdir(parents=True)
    key_pair(folder / "host", tool)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where Debian's sshd locks itself in
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder, key=key), encoding="utf-8")
    words = [tool("sshd"), "-D", "-e", "-f", str(folder / "config")]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log) as server:
        try:
            _await(folder / "pid", server, folder / "log")
            yield Remote("127.0.0.1", port, getpass.getuser(), key=key)
        finally:
            server.terminate()


def put_program(folder: Path, name: str, script: str) -> None:
    """Put a program before the machine's own of that name."""
    path = folder / "bin" / name
    path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def _await(pid: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while not pid.exists():
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
