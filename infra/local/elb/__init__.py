"""The local cloud's load balancers: MiniStack keeps the records, this package probes targets and carries the traffic.

`public` and `internal` are the ASGI applications of the edge port and of port 80 on the Docker network's gateway. An HTTPS
listener is served there as plain HTTP; its targets are told `https`, as behind a real one.
"""

from __future__ import annotations

from typing import Any

from infra.local.settings import Settings


def install(settings: Settings) -> None:
    """Replace what we own of MiniStack's ELB; called once, before any request."""
    from infra.local.elb import plug

    plug.install(settings)


async def start() -> None:
    """Take over the saved targets and begin to probe; called when the saved state is back and the API answers."""
    from infra.local.elb import plug

    await plug.start()


async def stop() -> None:
    """Stop probing and close the connections to targets."""
    from infra.local.elb import plug

    await plug.stop()


async def public(scope: Any, receive: Any, send: Any) -> None:
    """Answer on the edge port for the internet-facing balancers."""
    from infra.local.elb import plug

    await plug.public(scope, receive, send)


async def internal(scope: Any, receive: Any, send: Any) -> None:
    """Answer inside the Docker network for every balancer, by Host header."""
    from infra.local.elb import plug

    await plug.internal(scope, receive, send)
