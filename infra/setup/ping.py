"""Whether a Docker engine answers: the Engine API's `/_ping`, asked without Docker's own programs."""

from __future__ import annotations

import enum
import http.client
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from infra.setup.machine import as_root

_PING = "import sys; from infra.setup.ping import ping; print(ping(sys.argv[1]).value)"


class Answer(enum.Enum):
    """What the engine said. FORBIDDEN: there is a socket, and this user may not open it."""

    READY = "ready"
    SILENT = "silent"
    FORBIDDEN = "forbidden"


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ping(host: str, timeout: float = 5) -> Answer:
    """Ask the engine at `host` (as DOCKER_HOST: unix://, tcp://, http://, https://; others are taken for ready)."""
    address = urlsplit(host)
    if address.scheme not in ("unix", "tcp", "http", "https"):
        return Answer.READY
    try:
        connection = _connection(host, timeout)
        connection.request("GET", "/_ping")
        return Answer.READY if connection.getresponse().status == 200 else Answer.SILENT
    except PermissionError:
        return Answer.FORBIDDEN
    except (OSError, http.client.HTTPException, ValueError):
        return Answer.SILENT


def ping_as_root(host: str) -> Answer:
    """Ask as root; SILENT where this login may not become root."""
    command = as_root([sys.executable, "-c", _PING, host])
    if command is None:
        return Answer.SILENT
    root = Path(__file__).resolve().parent.parent.parent
    done = subprocess.run(command, cwd=str(root), stdout=subprocess.PIPE, text=True)
    return Answer.READY if done.stdout.strip() == Answer.READY.value else Answer.SILENT


def _connection(host: str, timeout: float) -> http.client.HTTPConnection:
    address = urlsplit(host)
    if address.scheme == "unix":
        return _Unix(address.path, timeout)
    name, port = address.hostname or "localhost", address.port
    if address.scheme == "https" or os.environ.get("DOCKER_TLS_VERIFY"):
        return http.client.HTTPSConnection(
            name, port or 2376, timeout=timeout, context=_client_certificates()
        )
    return http.client.HTTPConnection(name, port or 2375, timeout=timeout)


def _client_certificates() -> ssl.SSLContext:
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or "~/.docker").expanduser()
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    return context
