"""The pool of connections: what died while it rested is replaced before a request gets it."""

import asyncio

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from chassis.database import Database, ping_after_a_rest
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
