"""The pools of connections: kept through every rush, replaced when they died, and how much a block changes."""

import asyncio

import pytest
from sqlalchemy import column, create_engine, func, literal, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis.database import Database, ping_after_a_rest, unavailable
from chassis.testing import postgres

END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
)


def end_all(name):
    with postgres().connect() as root:
        root.execute(END_ALL, (name,))


@pytest.mark.parametrize(("rest", "survives"), [(0.0, True), (3600.0, False)])
def test_a_connection_that_died_while_it_rested_is_replaced(rest, survives):
    name = postgres().create_database()
    engine = create_engine(postgres().url(name))
    ping_after_a_rest(engine, rest)

    def ask():
        with engine.connect() as connection:
            return connection.scalar(text("SELECT 1"))

    ask()
    end_all(name)
    try:
        if survives:
            assert ask() == 1
        else:
            with pytest.raises(OperationalError):
                ask()
            assert ask() == 1  # an error empties the pool
    finally:
        engine.dispose()


def test_the_pool_of_a_web_process_replaces_it_too():
    async def scenario():
        name = postgres().create_database()
        database = Database(postgres().url(name), rest=0.0)
        answers = []
        for _ in range(2):
            async with database.reading() as session:
                answers.append(await session.scalar(text("SELECT 1")))
            end_all(name)
        await database.dispose()
        return answers

    assert asyncio.run(scenario()) == [1, 1]


def on_a_database(scenario, **options):
    """Run the scenario with the pools of a web process on a new database."""

    async def run():
        database = Database(postgres().url(postgres().create_database()), **options)
        try:
            return await scenario(database)
        finally:
            await database.dispose()

    return asyncio.run(run())


PID = select(func.pg_backend_pid(), func.pg_sleep(literal(0.01)))


def test_a_rush_opens_no_connection_that_is_closed_after_it():
    async def scenario(database):
        async def change():
            async with database.transaction() as connection:
                return (await connection.execute(PID)).one()[0]

        async def read():
            return (await database.rows(PID))[0][0]

        return [
            {pid for _ in range(3) for pid in await asyncio.gather(*[ask() for _ in range(9)])}
            for ask in (change, read)
        ]

    changed, read = on_a_database(scenario, pool_size=3)

    assert (len(changed), len(read)) == (3, 3)


def test_who_reads_is_in_no_transaction_and_who_changes_is():
    async def scenario(database):
        # A transaction's time stands still; where there is none, each statement has its own.
        times = select(func.now() == func.statement_timestamp())
        async with database.transaction() as connection:
            await connection.execute(text("SELECT 1"))
            inside = await connection.scalar(times)
        return inside, (await database.rows(times))[0][0]

    assert on_a_database(scenario) == (False, True)


def test_a_transaction_is_kept_when_its_block_ends_and_undone_when_it_fails():
    async def scenario(database):
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE kept (number int)"))
            await connection.execute(text("INSERT INTO kept VALUES (1)"))
        with pytest.raises(ZeroDivisionError):
            async with database.transaction() as connection:
                await connection.execute(text("INSERT INTO kept VALUES (2)"))
                raise ZeroDivisionError
        return [row.number for row in await database.rows(select(column("number")).select_from(text("kept")))]

    assert on_a_database(scenario) == [1]


def test_a_connection_for_reading_that_breaks_in_use_is_not_used_again():
    async def scenario(database):
        one = select(literal(1))
        await database.rows(one)
        end_all(database.engine.url.database)
        with pytest.raises(OperationalError):
            await database.rows(one)
        return (await database.rows(one))[0][0], database.in_use()

    assert on_a_database(scenario, rest=3600.0) == (1, 0)


def test_who_is_cancelled_in_the_middle_changes_nothing_and_keeps_no_connection():
    async def scenario(database):
        async def change():
            async with database.transaction() as connection:
                await connection.execute(text("INSERT INTO kept VALUES (1)"))
                await connection.execute(select(func.pg_sleep(30)))

        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE kept (number int)"))
        for ask in (change(), database.rows(select(func.pg_sleep(30)))):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ask, 0.1)
        in_use = database.in_use()
        return in_use, await database.rows(select(column("number")).select_from(text("kept")))

    assert on_a_database(scenario, pool_size=1) == (0, [])


def test_who_waits_for_a_connection_is_not_overtaken_by_who_comes_later():
    async def scenario(database):
        served = []

        async def ask_often(name):
            for _ in range(10):
                await database.rows(select(literal(1)))
                served.append(name)

        await asyncio.gather(*map(ask_often, "abc"))
        return served

    served = on_a_database(scenario, pool_size=1)

    assert {frozenset(served[place : place + 3]) for place in range(0, 30, 3)} == {frozenset("abc")}


def test_nobody_waits_longer_for_a_connection_than_he_was_told():
    async def scenario(database):
        async with database.transaction():
            with pytest.raises(PoolTimeout) as refused:
                async with database.transaction():
                    pass
            return unavailable(refused.value), database.in_use()

    assert on_a_database(scenario, pool_size=1, wait=0.1) == (True, 1)
