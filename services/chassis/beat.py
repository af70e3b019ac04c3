"""A Celery beat that ticks only while it holds a lock in the service's database: two of them send a task once."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from celery.beat import Scheduler
from sqlalchemy import make_url

from chassis import heartbeat
from chassis.database import connect_arguments
from chassis.migrate import lock_key

log = logging.getLogger("chassis.beat")

RETRY = 5.0  # seconds


class Lock:
    """A session advisory lock on a connection of its own; the server frees it when the connection dies."""

    def __init__(self, address: str, name: str) -> None:
        plain = make_url(address).set(drivername="postgresql")
        self._address = plain.render_as_string(hide_password=False)
        self._key = lock_key(f"beat:{name}")
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False

    def holds(self) -> bool:
        """Say whether the lock is held on a live connection, trying to take it. Raises psycopg.Error."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._address, autocommit=True, **connect_arguments(5))
                self._held = False
            if self._held:
                self._connection.execute("SELECT 1")
            else:
                row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
                self._held = bool(row and row[0])
                if self._held:
                    log.info("this beat holds the lock")
            return self._held
        except psycopg.Error:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock up."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._held = None, False


class LockedScheduler(Scheduler):
    """Ticks while it holds the lock, and beats the heart as long as the database answers."""

    def __init__(self, app: Any, *args: Any, **kwargs: Any) -> None:
        self._lock = Lock(app.conf.beat_lock_url, app.main)
        self._was_held = False
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, at most one task; return the seconds until the next tick."""
        try:
            held = self._lock.holds()
        except psycopg.Error as error:
            log.warning("the lock cannot be held: %s", error)
            self._was_held = False
            return RETRY
        heartbeat.touch()
        if not held:
            return RETRY
        if not self._was_held:
            # What came due while another held the lock is that one's; start from the schedule as it is now.
            self._heap, self._was_held = None, True
        return min(float(super().tick(*args, **kwargs)), RETRY)

    def close(self) -> None:
        super().close()
        self._lock.close()
