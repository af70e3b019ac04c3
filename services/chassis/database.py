"""The service's database: its URL, the async engine of the web process, the sync one of tasks, model base."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, Engine, MetaData, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session, registry, sessionmaker

from chassis.settings import DatabaseSettings

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
    """The async engine of one process. Make it inside the event loop that uses it."""

    def __init__(
        self, address: URL, *, pool_size: int = 5, statement_timeout: float = 10.0, rest: float = REST
    ) -> None:
        """`statement_timeout` and `rest` in seconds; the pool holds `pool_size` connections and as many more in a rush."""
        self.engine = create_async_engine(
            address,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_recycle=1800,
            pool_timeout=5,
            connect_args=connect_arguments(statement_timeout),
        )
        ping_after_a_rest(self.engine.sync_engine, rest)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session in a transaction: committed at the end of the block, rolled back on an error."""
        async with self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session for one SELECT: without BEGIN and COMMIT, which are two more waits for the server."""
        async with self._readers() as session:
            yield session

    async def revision(self) -> str | None:
        """Return the schema's Alembic revision; None before the first migration. Raises when unreachable."""
        async with self.engine.connect() as connection:
            try:
                found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            except ProgrammingError as error:
                if getattr(error.orig, "sqlstate", None) != UNDEFINED_TABLE:
                    raise
                return None
            return None if found is None else str(found)

    def in_use(self) -> int:
        """Return how many connections are taken out of the pool."""
        return self.engine.pool.checkedout()  # type: ignore[attr-defined,no-any-return]

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


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
