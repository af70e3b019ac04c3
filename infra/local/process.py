"""The local cloud seen from outside: start it, find it, stop it, destroy it; whatever the last command or the
machine did."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local import binds, engine
from infra.local import settings as settings_
from infra.local.errors import LocalCloudError, PortInUse
from infra.local.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 10.0
IDENTITY_PATH = "/_estaleiro"
SILENT = (0, b"")


@dataclass(frozen=True)
class Running:
    """A local cloud that answers."""

    endpoint_url: str
    edge_url: str
    pid: int


def running(settings: Settings) -> Running | None:
    """Return the local cloud when it answers and is ready; raise `PortInUse` when something else holds its API port."""
    status, identity = _identity(settings)
    return _running(settings, identity) if status == 200 else None


def ensure(settings: Settings) -> Running:
    """Return the local cloud, started when it does not answer; two commands at once start one.

    Raises `PortInUse`, `EngineMissing` or `LocalCloudError` with the server's own words.
    """
    found = running(settings)
    if found is not None:
        return found
    engine.client()
    if _pid(settings) is None:  # a server of ours that starts, or hangs, holds them by right
        binds.require_free(settings.api_port, settings.edge_port)
    with _lock(settings):
        status, _ = _identity(settings)
        if status is not None:
            return _until_ready(settings, None)
        _end_stray(settings)
        return _until_ready(settings, _start(settings))


def stop(settings: Settings) -> None:
    """Stop the server, state saved; containers of tasks stop with it, databases keep their volumes."""
    if not settings.state.exists():
        return
    with _lock(settings):
        pid = _pid(settings)
        if pid is not None:
            _end(pid)


def present(settings: Settings) -> list[str]:
    """Return everything that `destroy` would remove now."""
    pid = _pid(settings)
    process = [f"process {pid}"] if pid is not None else []
    folder = [f"folder {settings.state}"] if settings.state.exists() else []
    return [*process, *engine.owned(settings), *folder]


def destroy(settings: Settings) -> list[str]:
    """Remove the process, everything on the engine with our label and the state folder; return what was removed.

    Raises `LocalCloudError` naming what is still there afterwards.
    """
    removed = []
    pid = _pid(settings)
    if pid is not None:
        _end(pid, signal.SIGKILL)
        removed.append(f"process {pid}")
    removed += engine.remove_owned(settings)
    if settings.state.exists():
        shutil.rmtree(settings.state)
        removed.append(f"folder {settings.state}")
    left = engine.owned(settings) + [str(settings.state)] * settings.state.exists()
    if left:
        raise LocalCloudError(
            f"the local cloud is not gone: {', '.join(left)} could not be removed; try again"
        )
    return removed


def _identity(settings: Settings) -> tuple[int | None, dict[str, object]]:
    """Ask the API who it is: (None, {}) when nothing listens, or when our own server hangs and has to go."""
    answer = _answer(settings.endpoint_url + IDENTITY_PATH)
    if answer is None or (answer == SILENT and _pid(settings) is not None):
        return None, {}
    with contextlib.suppress(ValueError):
        identity = json.loads(answer[1])
        if isinstance(identity, dict) and identity.get("name") == settings.name:
            return answer[0], identity
    raise _not_ours(settings)


def _answer(url: str) -> tuple[int, bytes] | None:
    """Return status and body, `SILENT` for what is no HTTP or takes too long; None when nothing listens.

    A server that is just ending cuts the connection, so that is asked again.
    """
    for _ in range(3):
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310  the URL is ours
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError):
                return None
            if isinstance(reason, TimeoutError):
                return SILENT
            time.sleep(0.2)
    return SILENT


def _not_ours(settings: Settings) -> PortInUse:
    return PortInUse(
        f"port {settings.api_port} on 127.0.0.1 is in use by another process, which is not the local cloud "
        f"{settings.name}; stop it, or choose another port"
    )


def _running(settings: Settings, identity: dict[str, object]) -> Running:
    return Running(settings.endpoint_url, settings.edge_url, int(str(identity["pid"])))


@contextlib.contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """Hold the state folder's lock; made again when `destroy` removed the folder while we waited."""
    path = settings.state / "lock"
    while True:
        settings.state.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                    yield
                    return


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    path = settings.state / "settings.json"
    settings_.write(settings, path)
    for name in ("ready", "refusal"):
        (settings.state / name).unlink(missing_ok=True)
    root = Path(__file__).parents[2]
    with (settings.state / "server.log").open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "--settings", str(path)],
            cwd=root, env=_environment(root), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    (settings.state / "server.pid").write_text(str(started.pid))
    return started


def _environment(root: Path) -> dict[str, str]:
    """The caller's environment without its AWS settings: they name another account, and the server calls itself."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return kept | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}


def _until_ready(settings: Settings, started: subprocess.Popen[bytes] | None) -> Running:
    deadline = time.monotonic() + START_SECONDS
    refusal = settings.state / "refusal"
    while time.monotonic() < deadline:
        status, identity = _identity(settings)
        if status == 200:
            return _running(settings, identity)
        if started is not None and started.poll() is not None:
            break
        time.sleep(0.05)
    raise LocalCloudError(f"the local cloud {settings.name} did not start: {_why(settings, refusal)}")


def _why(settings: Settings, refusal: Path) -> str:
    """Return the server's own words, or the last line of its log when it had no time for any."""
    if refusal.exists():
        return refusal.read_text()
    log = settings.state / "server.log"
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'it said nothing'} (see {log})"


def _pid(settings: Settings) -> int | None:
    """Return the server's process id, or None: a pid file may be stale, and its number another process by now."""
    try:
        pid = int((settings.state / "server.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if str(settings.state / "settings.json") in command else None


def _end_stray(settings: Settings) -> None:
    """End a server of ours that lives but does not answer: a second one would fight it for the state."""
    pid = _pid(settings)
    if pid is not None:
        _end(pid)


def _end(pid: int, first: signal.Signals = signal.SIGTERM) -> None:
    """End the process: SIGTERM, so that it saves; SIGKILL when it has not ended in time."""
    for number in (first, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not _lives(pid):
                return
            time.sleep(0.05)
    raise LocalCloudError(f"process {pid} of the local cloud does not end, even when killed; see `ps {pid}`")


def _lives(pid: int) -> bool:
    """Tell whether the process runs; our own ended child is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"
