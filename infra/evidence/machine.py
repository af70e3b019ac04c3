"""This machine as the local cloud needs it: the engine, its disk, and two ports."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from infra.checks.facts import Machine
from infra.checks.model import Unknown
from infra.docker import Engine
from infra.errors import EstaleiroError
from infra.evidence.unknown import known
from infra.local import process as local
from infra.local.settings import Settings

# Six images and a database; BENCHMARKS.md has the sizes.
NEEDED_GB = 3.0


def machine(settings: Settings, *, engine: Callable[[], Engine] = Engine) -> Machine:
    """Look at the machine; a running local cloud of ours holds its ports by right."""
    here = known(engine)
    answers = here if isinstance(here, Unknown) else known(lambda: _ping(here))
    disk = Unknown("the engine does not say where it keeps its images")
    return Machine(
        engine=answers,
        free_gb=disk
        if isinstance(here, Unknown) or isinstance(answers, Unknown)
        else known(lambda: _free_gb(here)),
        needed_gb=NEEDED_GB,
        ports=_ports(settings),
    )


def _ping(engine: Engine) -> str:
    engine.ping()
    return f"Docker answers, {engine.architecture()}"


def _free_gb(engine: Engine) -> float:
    folder = engine.storage()
    if not folder.is_dir():
        raise EstaleiroError("the engine's disk is on another machine")
    return shutil.disk_usage(Path(folder)).free / 1e9


def _ports(settings: Settings) -> dict[int, str | None]:
    try:
        ours = local.running(settings) is not None
    except EstaleiroError as error:
        return {settings.api_port: str(error), settings.edge_port: _holder(settings.edge_port)}
    if ours:
        return {settings.api_port: None, settings.edge_port: None}
    return {port: _holder(port) for port in (settings.api_port, settings.edge_port)}


def _holder(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return f"something listens on port {port} of this machine"
    return None
