"""Rotation of the signing keys by schedule: whatever step is due is taken, in whichever process looks first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.migrate import lock_key
from tokens import keys
from tokens.models import SigningKey

LOOK = 60.0  # seconds between two looks

log = logging.getLogger("tokens.rotation")


async def advance(session: AsyncSession, secret: str, *, age: timedelta) -> list[str]:
    """Introduce a key when the active one is `age` old; activate and retire as soon as that is safe.

    Returns what was done, in words. Another process that is at it makes this one do nothing.
    """
    taken = await session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": lock_key("rotation")}
    )
    active = await keys.active_key(session)
    if not taken or active is None or active.activated_at is None:
        return []
    now: Any = await session.scalar(select(func.clock_timestamp()))
    waiting = [row for row in await keys.published(session) if row.activated_at is None]
    if waiting and now >= waiting[-1].introduced_at + keys.SPREAD:
        await keys.activate(session, waiting[-1].kid)
        return [f"key {waiting[-1].kid}: signs from now on"]
    if not waiting and now >= active.activated_at + age:
        return [f"key {(await keys.introduce(session, secret)).kid}: introduced"]
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

    def __init__(self, database: Database, secret: str, *, age: timedelta) -> None:
        self._database = database
        self._secret = secret
        self._age = age
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

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                async with self._database.session() as session:
                    for step in await advance(session, self._secret, age=self._age):
                        log.info(step)
            except Exception as error:  # the next look may have a database again
                log.warning("keys not looked at: %s", error)
