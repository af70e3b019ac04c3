"""The local cloud's one long-lived process: MiniStack with our extensions, served on our addresses alone.

The halves plug in here, and only here. A half (`infra.local.ecs`, `infra.local.rds`, ...) is a module with
  install(settings)   called once, before any request: registers handlers, replaces functions of the pin;
  async start()       called when the saved state is back and the API answers: brings its containers back;
  async stop()        called on SIGTERM, before the last save.
`infra.local.elb` also gives two ASGI applications: `public` answers on the edge port, `internal` on port 80 of the
network's gateway.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from infra.local import binds, engine, interrupted, persistence, pin
from infra.local.settings import Settings

IDENTITY_PATH = "/_estaleiro"
"""Where the API tells which local cloud it is; `process.running` asks."""

HALVES = (
    "infra.local.cloudformation",
    "infra.local.fresh_account",
    "infra.local.rds",
    "infra.local.names",
    "infra.local.ecs",
    "infra.local.elb",
)

Asgi = Callable[[Any, Any, Any], Awaitable[None]]

log = logging.getLogger("estaleiro.local")


@dataclass(frozen=True)
class Doors:
    """Which application answers on which (address, port)."""

    api: Asgi
    others: Mapping[tuple[str, int], Asgi]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        server = scope.get("server") or ("", 0)
        door = self.others.get((server[0], server[1]), self.api)
        await door(scope, receive, send)


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raise `LocalCloudError` when it cannot start."""
    network = engine.ensure_network(settings)
    sockets = binds.listen(settings, network)
    _environment(settings, network)
    pin.check()
    halves = [importlib.import_module(name) for name in HALVES]
    pin.replace("app._docker_socket_present", lambda: False, sha="3aab5a690b7c")
    for half in halves:
        half.install(settings)
    asyncio.run(_serve(settings, halves, sockets))


def _environment(settings: Settings, network: engine.Network) -> None:
    """Set what MiniStack reads at import; its host is the gateway's address, which the host and containers
    both reach."""
    os.environ |= {
        "GATEWAY_PORT": str(settings.api_port),
        "MINISTACK_HOST": network.gateway,
        "MINISTACK_REGION": settings.region,
        "MINISTACK_ACCOUNT_ID": settings.account,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(settings.state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(settings.state / "s3"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
    }


async def _serve(settings: Settings, halves: list[ModuleType], sockets: binds.Sockets) -> None:
    from hypercorn.asyncio import serve as hypercorn
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{bound.fileno()}" for bound in sockets.web.values()]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 3
    config.accesslog = None
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    life = asyncio.create_task(_life(settings, halves, stopping))
    try:
        await hypercorn(_doors(settings, sockets), config, shutdown_trigger=_until_stopped(stopping, life))
    finally:
        stopping.set()
        await life


def _until_stopped(stopping: asyncio.Event, life: asyncio.Task[None]) -> Callable[[], Awaitable[None]]:
    """The doors close once the halves have stopped: what they are told to stop may still call the API."""

    async def wait() -> None:
        await stopping.wait()
        await asyncio.shield(life)

    return wait


async def _life(settings: Settings, halves: list[ModuleType], stopping: asyncio.Event) -> None:
    """Start the halves once the API answers, save while they run, stop them in reverse."""
    await _answering(settings)
    interrupted.mend()
    for half in halves:
        await half.start()
    (settings.state / "ready").touch()
    saving = asyncio.create_task(persistence.keep_saving())
    await stopping.wait()
    for half in reversed(halves):
        await half.stop()
    saving.cancel()


async def _answering(settings: Settings) -> None:
    """Wait until our own listener accepts: the saved state is loaded before the first accept."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", settings.api_port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _doors(settings: Settings, sockets: binds.Sockets) -> Doors:
    from infra.local import elb

    others = {address: getattr(elb, name) for address, name in sockets.balancers.items()}
    return Doors(_api(settings), others)


def _api(settings: Settings) -> Asgi:
    from ministack import app as ministack

    identity = json.dumps({"name": settings.name, "pid": os.getpid(), "state": str(settings.state)}).encode()

    async def api(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == IDENTITY_PATH:
            ready = (settings.state / "ready").exists()
            await _answer(send, 200 if ready else 503, identity)
            return
        persistence.note(scope)
        await ministack.app(scope, receive, send)

    return api


async def _answer(send: Any, status: int, body: bytes) -> None:
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": body})
