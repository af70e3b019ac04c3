"""Rotation of the signing keys by schedule: whatever step is due is taken, in whichever process looks first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.migration_lock import lock_key
from tokens import keys
from tokens.models import SigningKey
from tokens.sealing import Sealer

LOOK = 60.0  # seconds between two looks
# Only this long after its start does a process seal anew what a release from before KMS sealed: that one's processes,
# which may serve until the rollout is done, could not open it.
SETTLED = 3600.0  # seconds

log = logging.getLogger("tokens.rotation")


async def advance(
    session: AsyncSession, sealer: Sealer, *, age: timedelta, settled: bool = True
) -> list[str]:
    """Introduce a key when the active one is `age` old; activate and retire as soon as that is safe.

    Keys sealed before KMS are sealed anew once this release is `settled`, and none is introduced before that.
    Returns what was done, in words. Another process that is at it makes this one do nothing.
    """
    taken = await session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": lock_key("rotation")}
    )
    active = await keys.active_key(session)
    if not taken or active is None or active.activated_at is None:
        return []
    now: Any = await session.scalar(select(func.clock_timestamp()))
    old = await keys.sealed_before(session)
    if old and settled:
        return [f"key {kid}: sealed anew, with KMS" for kid in await keys.reseal(session, sealer)]
    waiting = [row for row in await keys.published(session) if row.activated_at is None]
    if waiting and now >= waiting[-1].introduced_at + keys.SPREAD:
        await keys.activate(session, waiting[-1].kid)
        return [f"key {waiting[-1].kid}: signs from now on"]
    if not waiting and not old and now >= active.activated_at + age:
        return [f"key {(await keys.introduce(session, sealer)).kid}: introduced"]
    return await _retire_former(session, active, now)


async def _retire_former(session: AsyncSession, active: SigningKey, now: Any) -> list[str]:
    if now < active.activated_at + keys.OVERLAP:
        return []
    former = [row for row in await keys.published(session) if row.activated_at and row.kid != active.kid]
    for row in former:
        await keys.retire(session, row.kid)
    return [f"key {row.kid}: retired" for row in former]


class Rotation:
    """Looks every minute for as long as the process serves."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        age: timedelta,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._age = age
        self._clock = clock
        self._began = clock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, inside the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> list[str]:
        """Take the step that is due; return what was done, in words."""
        settled = self._clock() - self._began >= SETTLED
        async with self._database.session() as session:
            return await advance(session, self._sealer, age=self._age, settled=settled)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                for step in await self.look():
                    log.info(step)
            except Exception as error:  # the next look may have a database again
                log.warning("keys not looked at: %s", error)
