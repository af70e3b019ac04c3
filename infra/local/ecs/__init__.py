"""The local cloud's own ECS scheduler: services, tasks, deployments and hosts, run as containers on the Docker engine.

MiniStack keeps clusters, task definitions, capacity providers and tags; everything that acts is here.
"""

from __future__ import annotations

from infra.local.settings import Settings


def install(settings: Settings) -> None:
    """Replace what we own of MiniStack's ECS; called once, before any request."""
    from infra.local.ecs import plug

    plug.install(settings)


async def start() -> None:
    """Take over what still runs and begin to schedule; called when the saved state is back and the API answers."""
    from infra.local.ecs import plug

    await plug.start()


async def stop() -> None:
    """Stop every task; services start anew with the next start."""
    from infra.local.ecs import plug

    await plug.stop()
