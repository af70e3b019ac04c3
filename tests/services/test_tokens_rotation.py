"""Rotation by schedule: introduce, activate, retire, each when it is due and in one process only."""

import asyncio
from datetime import timedelta

from sqlalchemy import text
from tokens_case import sealer

from chassis.database import Database
from chassis.migration_lock import lock_key
from chassis.testing_postgres import fresh_database
from tokens import keys, rotation
from tokens.ring import KeyRing

SEALER = sealer()
MONTH = timedelta(days=30)


def test_a_key_is_replaced_in_three_steps_and_no_step_comes_early():
    async def scenario():
        pool = Database(fresh_database("tokens"))
        await KeyRing(pool, SEALER).public()
        said = []

        async def look(later="0 seconds"):
            async with pool.session() as session:
                await session.execute(
                    text(
                        "UPDATE signing_keys SET introduced_at = introduced_at - CAST(:later AS interval),"
                        " activated_at = activated_at - CAST(:later AS interval)"
                    ),
                    {"later": later},
                )
                said.append(
                    [step.split(": ")[1] for step in await rotation.advance(session, SEALER, age=MONTH)]
                )

        for later in ("0 s", "29 days", "1 day", "1 minute", "5 minutes", "5 minutes", "10 minutes", "1 day"):
            await look(later)
        async with pool.session() as session:
            published = await keys.published(session)
            active = await keys.active_key(session)
        await pool.dispose()
        return said, [row.kid for row in published], active.kid

    said, published, active = asyncio.run(scenario())

    assert said == [
        [],
        [],
        ["introduced"],
        [],
        ["signs from now on"],
        [],
        ["retired"],
        [],
    ]
    assert published == [active]


def test_only_one_process_takes_a_step():
    async def scenario():
        pool = Database(fresh_database("tokens"))
        await KeyRing(pool, SEALER).public()
        async with pool.session() as other, pool.session() as session:
            await other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("rotation")})
            done = await rotation.advance(session, SEALER, age=timedelta(0))
        await pool.dispose()
        return done

    assert asyncio.run(scenario()) == []
