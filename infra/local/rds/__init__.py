"""RDS: an instance is a PostgreSQL container with a volume of its own; MiniStack keeps the records and answers
what only reads."""

from __future__ import annotations

from infra.local.rds import actions, resources, watch
from infra.local.rds.place import settle
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    """Take over the calls that make, change and remove instances, and the CloudFormation type."""
    settle(settings)
    actions.install()
    resources.install()


async def start() -> None:
    """Bring the containers of the saved instances back, and watch over them."""
    watch.start()


async def stop() -> None:
    """Stop the databases cleanly; their volumes stay."""
    await watch.stop()
