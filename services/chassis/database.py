"""The service's database: its URL, the async engine of the web process, the sync one of tasks, model base."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, Engine, MetaData, Row, Select, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Session, registry, sessionmaker

from chassis.settings import DatabaseSettings
from chassis.turns import Turns

UNDEFINED_TABLE = "42P01"  # SQLSTATE
REST = 1.0  # seconds after which a connection in the pool is tried before it is used

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """Return an empty metadata whose constraints get predictable names, so that migrations can speak of them."""
    return MetaData(naming_convention=NAMING)


class Base(DeclarativeBase):
    """What a service's own base of models inherits: `class Base(database.Base): metadata = new_metadata()`."""

    metadata = new_metadata()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if Base in cls.__bases__:
            # A service's base maps no table, and its models' names are a world of their own.
            cls.__abstract__ = True
            cls.registry = cls._sa_registry = registry(metadata=cls.metadata)
        super().__init_subclass__(**kwargs)


def url(settings: DatabaseSettings) -> URL:
    """Return the SQLAlchemy URL of the settings; psycopg serves both async and sync engines."""
    query = {"sslmode": settings.database_sslmode}
    if settings.database_sslrootcert:
        query["sslrootcert"] = settings.database_sslrootcert
    # A host that is a path is a directory with the server's socket (libpq); a URL holds it only in its query.
    host: str | None = settings.database_host
    if host is not None and host.startswith("/"):
        query, host = {**query, "host": host}, None
    return URL.create(
        "postgresql+psycopg",
        username=settings.database_user,
        password=str(settings.database_password),
        host=host,
        port=settings.database_port,
        database=settings.database_name,
        query=query,
    )


class Database:
    """The async engines of one process. Make it inside the event loop that uses it.

    Connections for reading stay in autocommit mode, and so are a pool of their own: to switch one to and fro costs
    about as much as the driver's part of a short read.
    """

    def __init__(
        self,
        address: URL,
        *,
        pool_size: int = 5,
        statement_timeout: float = 10.0,
        wait: float = 5.0,
        rest: float = REST,
    ) -> None:
        """`pool_size` is how many connections there are at most for reading, and for transactions.

        `statement_timeout`, `wait` for a connection and `rest` in seconds.
        """

        def engine(**more: Any) -> AsyncEngine:
            made = create_async_engine(
                address,
                pool_size=pool_size,
                # One that is opened in a rush would be closed after it: dear, and most of all when there is no time.
                max_overflow=0,
                pool_recycle=1800,
                pool_timeout=wait,
                connect_args=connect_arguments(statement_timeout),
                **more,
            )
            ping_after_a_rest(made.sync_engine, rest)
            return made

        self._turns, self._reading_turns = Turns(pool_size, wait), Turns(pool_size, wait)
        self.engine = engine()
        self._reading = engine(isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(self._reading, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction: committed at the end of the block, rolled back on an error.

        Statements are SQLAlchemy's, rows are plain: half the work of a session that keeps objects.
        """
        # `engine.begin()` would end with a task of its own, to close even while it is cancelled: a tenth of it all.
        # Without, a connection that is cancelled while it closes is thrown away by the pool.
        async with self._turns:
            connection = await self.engine.connect()
            try:
                yield connection
                await connection.commit()
            finally:
                await connection.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session in a transaction: committed at the end of the block, rolled back on an error."""
        async with self._turns, self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session for one SELECT: without BEGIN and COMMIT, which are two more waits for the server."""
        async with self._reading_turns, self._readers() as session:
            yield session

    async def rows(
        self, statement: Select[*tuple[Any, ...]], /, **values: Any
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Return the rows of one SELECT of columns, whose bound parameters are `values`.

        The quickest way to read what is only shown: with a statement that is made once, in a module, neither it nor
        objects of the session's have to be made in each request.
        """
        async with self._reading_turns:
            connection = await self._reading.connect()  # and not `async with`, as in `transaction`
            try:
                return (await connection.execute(statement, values)).all()
            finally:
                await connection.close()

    async def revision(self) -> str | None:
        """Return the schema's Alembic revision; None before the first migration. Raises when unreachable."""
        async with self._turns, self.engine.connect() as connection:
            try:
                found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            except ProgrammingError as error:
                if getattr(error.orig, "sqlstate", None) != UNDEFINED_TABLE:
                    raise
                return None
            return None if found is None else str(found)

    def in_use(self) -> int:
        """Return how many connections are taken out of the pools."""
        pools = (self.engine.pool, self._reading.pool)
        return sum(pool.checkedout() for pool in pools)  # type: ignore[attr-defined]

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
        await self._reading.dispose()


class SyncDatabase:
    """The sync engine of a worker's process. Make it after the fork, in the process that uses it."""

    def __init__(self, address: URL, *, pool_size: int = 1, statement_timeout: float = 60.0) -> None:
        self.engine: Engine = create_engine(
            address,
            pool_size=pool_size,
            pool_recycle=1800,
            connect_args=connect_arguments(statement_timeout),
        )
        ping_after_a_rest(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session in a transaction: committed at the end of the block, rolled back on an error."""
        with self._sessions.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def ping_after_a_rest(engine: Engine, rest: float = REST) -> None:
    """Let the pool try a connection that rested before it hands it out, and replace it when it is dead.

    SQLAlchemy's own pre-ping tries every one every time: two waits for the server more in each request.
    """

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: Any) -> None:
        record.info["resting_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, proxy: Any) -> None:
        if time.monotonic() - record.info.get("resting_since", float("inf")) < rest:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # its fellows are as old


def unavailable(error: BaseException | None) -> bool:
    """Say whether the error means that the database, or a connection to it, cannot be had: not a bug of ours."""
    if isinstance(error, OperationalError):
        # A cancelled statement (57014) is ours to mend; what has no SQLSTATE never reached the server.
        return str(getattr(error.orig, "sqlstate", None) or "08")[:2] in ("08", "53", "57")
    return isinstance(error, PoolTimeout)


def connect_arguments(statement_timeout: float) -> dict[str, Any]:
    """Return libpq's arguments: bounded connecting, bounded statements, dead peers noticed within a minute."""
    milliseconds = int(statement_timeout * 1000)
    return {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "options": f"-c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout=60000",
    }
