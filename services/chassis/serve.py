"""The life of a web process: listen, drain on SIGTERM, finish what is in flight, close, exit 0."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable

from tornado.httpserver import HTTPServer

from chassis.application import MAX_BODY, Application
from chassis.measures import metrics_server
from chassis.settings import WebSettings

log = logging.getLogger("chassis.serve")

# Longer than a balancer (60 s) and the gateway (30 s) keep idle connections: the side that sends requests must be
# the one that closes, or a request meets a closed connection. A request's headers have to be there by then, too.
IDLE = 120.0  # seconds
# ECS sends SIGTERM when the balancer has already let go of a task; a second without a request says that it has.
QUIET = 1.0


def serve(build: Callable[[], Application | Awaitable[Application]], settings: WebSettings) -> None:
    """Serve the application that `build` makes inside the loop, until SIGTERM or SIGINT.

    Then: not ready; serving on while balancers notice, until QUIET seconds have passed without a request,
    `drain_seconds` at most; no new connections; `finish_seconds` at most for requests in flight; connections and
    dependencies closed.
    """
    asyncio.run(_run(build, settings))


async def _run(build: Callable[[], Application | Awaitable[Application]], settings: WebSettings) -> None:
    made = build()
    app = made if isinstance(made, Application) else await made
    server = http_server(app)
    await app.dependencies.open()
    server.listen(settings.port)
    measured = _measured(app, settings.metrics_port)
    app.lag.start()
    log.info("serving", extra={"port": settings.port})
    try:
        await _signal()
        app.stopping = True
        log.info("stopping", extra={"drain_seconds": settings.drain_seconds})
        await drained(app, settings.drain_seconds)
        server.stop()
        await finished(app, settings.finish_seconds)
    finally:
        server.stop()
        await server.close_all_connections()
        if measured:
            measured.stop()
        await app.lag.stop()
        app.measures.tally.write()
        await app.dependencies.close()
    log.info("stopped")


def http_server(app: Application, *, idle: float = IDLE) -> HTTPServer:
    """Return the server of the application; it closes connections on which no request's headers end for `idle` seconds.

    How long a body may take is the application's own business (`Limits.body`).
    """
    return HTTPServer(app, idle_connection_timeout=idle, max_body_size=MAX_BODY, max_header_size=64 * 1024)


def _measured(app: Application, port: int) -> HTTPServer | None:
    """Show the metrics on their private port; 0 for none. Not being able to is no reason not to serve."""
    if not port:
        return None
    server = metrics_server(app.measures)
    try:
        server.listen(port)
    except OSError as error:
        log.warning("no metrics on port %d: %s", port, error)
        return None
    return server


async def _signal() -> None:
    received = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, received.set)
    await received.wait()


async def drained(app: Application, patience: float, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until no request but probes has come for QUIET seconds, `patience` seconds at most."""
    began = clock()
    while (now := clock()) < began + patience:
        quiet = now - max(began, app.last_request)
        if quiet >= QUIET and not app.in_flight:
            return
        await asyncio.sleep(0.02)


async def finished(app: Application, patience: float) -> None:
    """Wait until no request is in flight, `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while app.in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    if app.in_flight:
        log.warning("requests cut off", extra={"count": len(app.in_flight)})
