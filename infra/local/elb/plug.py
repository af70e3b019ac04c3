"""The ELB half put into MiniStack: its API told the truth, health checks run, its doors opened."""

from __future__ import annotations

import asyncio

from infra.local.elb import api, targets
from infra.local.elb.probes import Prober
from infra.local.elb.proxy import Door
from infra.local.settings import Settings

public = Door(internal=False)
internal = Door(internal=True)

_probers: list[Prober] = []


def install(settings: Settings) -> None:
    """Replace what we own of MiniStack's ELB; called once, before any request."""
    api.install()


async def start() -> None:
    """Take over the saved targets and begin to probe."""
    await asyncio.to_thread(targets.restore, api.reach)
    prober = Prober()
    _probers[:] = [prober]
    prober.begin()


async def stop() -> None:
    for prober in _probers:
        prober.end()
    for door in (public, internal):
        await door.close()
