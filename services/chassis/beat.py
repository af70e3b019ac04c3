"""A Celery beat that ticks only while it holds a lock in the service's database, and keeps its schedule there.

Two of them send a task once; one that was stopped sends afterwards what came due meanwhile, once. A task is sent
first and written down after that: should beat die in between, the next one sends it again under the same moment, and
`schedule.is_first` in the task tells the second from the first.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from celery.beat import ScheduleEntry, Scheduler
from sqlalchemy import make_url

from chassis import heartbeat, schedule
from chassis.database import connect_arguments
from chassis.migration_lock import lock_key
from chassis.queue_measures import QueueMeasures

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

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection that holds the lock; valid after `holds`."""
        if self._connection is None:
            raise psycopg.OperationalError("the connection is lost")
        return self._connection

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
        self._measures = _measures(app)
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next tick."""
        try:
            held = self._lock.holds()
            if held and not self._was_held:
                # What is written there is what another has sent, or what nobody has.
                self._load()
            self._was_held = held
            heartbeat.touch()
            return min([RETRY, *map(self._fire_if_due, list(self.schedule.values()))]) if held else RETRY
        except psycopg.Error as error:
            log.warning("the schedule cannot be kept: %s", error)
            self._was_held = False
            return RETRY
        finally:
            if self._was_held and self._measures:
                self._measures.write_if_due()

    def send(self, entry: ScheduleEntry, *, moment: str) -> None:
        """Put the entry's task into the queue. Raises what the queue does."""
        headers = {schedule.MOMENT: moment, schedule.NAME: entry.name}
        options = {**entry.options, "headers": headers}
        self.send_task(entry.task, entry.args, entry.kwargs, producer=self.producer, **options)

    def close(self) -> None:
        super().close()
        self._lock.close()
        if self._measures:
            self._measures.close()

    def _load(self) -> None:
        for name, last_run_at in schedule.last_runs(self._lock.connection, list(self.schedule)).items():
            self.schedule[name] = self.schedule[name]._next_instance(last_run_at=last_run_at)

    def _fire_if_due(self, entry: ScheduleEntry) -> float:
        due, wait = entry.is_due()
        if not due:
            return float(wait)
        moment = entry.last_run_at.isoformat()
        try:
            self.send(entry, moment=moment)
        except Exception as error:  # whatever the queue has, the entry stays due
            log.warning("%s not sent, trying again: %s", entry.task, error)
            return RETRY
        log.info("sent due task %s", entry.task)
        following = next(entry)
        self.schedule[entry.name] = following
        schedule.ran(self._lock.connection, entry.name, following.last_run_at)
        return float(wait)


def _measures(app: Any) -> QueueMeasures | None:
    """The one beat tells how full the queue is, where it runs as a process of its own."""
    if not app.conf.get("beat_measures"):
        return None
    return QueueMeasures(app.conf.measured_queue(), app.conf.measured_as)
