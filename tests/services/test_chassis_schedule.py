"""Scheduled tasks over restarts: what came due while no beat ran is sent once, and nothing is done twice."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from chassis import beat, heartbeat, schedule, testing
from chassis.beat import LockedScheduler
from chassis.settings import DatabaseSettings, ProcessSettings, Secret
from chassis.tasks import celery_app

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Settings(DatabaseSettings, ProcessSettings):
    queue_url: str = "http://sqs.test/000000000000/reviews"


def settings(database):
    return Settings(
        service="reviews",
        process="beat",
        environment="test",
        release="r",
        database_host=str(testing.postgres().directory),
        database_name=database,
        database_sslmode="disable",
        database_user="postgres",
        database_password=Secret("trusted"),
    )


class Recording(LockedScheduler):
    """Sends into a list; fails while `down`."""

    producer = None

    def __init__(self, app, sent):
        self.sent, self.down = sent, False
        super().__init__(app)

    def send(self, entry, *, moment):
        if self.down:
            raise ConnectionError("the queue does not answer")
        self.sent.append((entry.task, moment))


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "PATH", tmp_path / "heartbeat")
    name = testing.postgres().create_database()
    with testing.postgres().connect(name) as connection:
        connection.execute(
            "CREATE TABLE schedule (name text PRIMARY KEY, last_run_at timestamptz NOT NULL, done_for timestamptz)"
        )
    return name


def scheduler(database, sent, seconds=HOUR):
    app = celery_app(settings(database), schedule={"chart": {"task": "reviews.chart", "schedule": seconds}})
    return Recording(app, sent)


def shift(database, interval):
    with testing.postgres().connect(database) as connection:
        connection.execute("UPDATE schedule SET last_run_at = last_run_at - %s::interval", (interval,))


def test_what_came_due_while_no_beat_ran_is_sent_once(database):
    sent = []
    first = scheduler(database, sent)
    first.tick()
    first.close()
    shift(database, "5 hours")

    second = scheduler(database, sent)
    for _ in range(3):
        second.tick()
    second.close()

    assert [task for task, _ in sent] == ["reviews.chart"]


def test_a_restart_before_anything_is_due_sends_nothing(database):
    sent = []
    for _ in range(3):
        one = scheduler(database, sent)
        one.tick()
        shift(database, "10 minutes")
        one.close()

    assert sent == []


def test_a_beat_that_died_after_sending_sends_again_under_the_same_moment(database, monkeypatch):
    sent = []
    first = scheduler(database, sent)
    first.tick()
    first.close()
    shift(database, "2 hours")
    with monkeypatch.context() as dying:
        dying.setattr(schedule, "ran", lambda *_: None)  # killed between the two
        first = scheduler(database, sent)
        first.tick()
        first.close()

    second = scheduler(database, sent)
    second.tick()
    second.close()

    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_what_the_queue_refused_stays_due(database):
    sent = []
    one = scheduler(database, sent)
    one.tick()
    one.close()
    shift(database, "2 hours")
    one = scheduler(database, sent)

    one.down = True
    wait = one.tick()
    one.down = False
    one.tick()
    one.close()

    assert wait == beat.RETRY
    assert len(sent) == 1


def test_a_moment_is_done_once_and_later_moments_are_done_too(database):
    with testing.postgres().connect(database) as connection:
        connection.execute("INSERT INTO schedule VALUES ('reviews.chart', now(), NULL)")
    engine = create_engine(testing.postgres().url(database))

    def is_first(moment):
        headers = {schedule.MOMENT: moment} if moment else {}
        request = type("Request", (dict,), {"task": "reviews.chart"})(headers=headers)
        with Session(engine) as session, session.begin():
            return schedule.is_first(session, request)

    moments = ["2026-01-01T00:00:00+00:00"] * 2 + [
        "2026-01-02T00:00:00+00:00",
        "2026-01-01T00:00:00+00:00",
        None,
        None,
    ]
    assert [is_first(moment) for moment in moments] == [True, False, True, False, True, True]
    engine.dispose()


def test_entries_of_one_task_under_names_of_their_own_are_each_done(database):
    """The row is the entry's: whoever looked for one of the task's name would find none, and never work."""
    sent = []

    class Sending(LockedScheduler):
        producer = None

        def send_task(self, name, arguments, keywords, *, headers, **options):
            sent.append((name, arguments, headers))

    entry = {"task": "reviews.chart", "schedule": HOUR}
    names = {"the top": {**entry, "args": ("top",)}, "the new": {**entry, "args": ("new",)}}
    app = celery_app(settings(database), schedule=names)
    for _ in range(2):  # the second comes an hour later
        one = Sending(app)
        one.tick()
        one.close()
        shift(database, "61 minutes")
    engine = create_engine(testing.postgres().url(database))

    def is_first(headers):
        request = type("Request", (dict,), {"task": "reviews.chart"})(headers=headers)
        with Session(engine) as session, session.begin():
            return schedule.is_first(session, request)

    done = [is_first(headers) for _, _, headers in sent * 2]
    engine.dispose()
    assert sorted(arguments for _, arguments, _ in sent) == [("new",), ("top",)]
    assert done == [True, True, False, False]


def test_a_moment_whose_work_failed_is_done_again(database):
    with testing.postgres().connect(database) as connection:
        connection.execute("INSERT INTO schedule VALUES ('reviews.chart', now(), NULL)")
    engine = create_engine(testing.postgres().url(database))
    request = type("Request", (dict,), {"task": "reviews.chart"})(
        {schedule.MOMENT: "2026-01-01T00:00:00+00:00"}
    )

    with Session(engine) as session:
        assert schedule.is_first(session, request)
        session.rollback()
    with Session(engine) as session:
        assert schedule.is_first(session, request)
        session.rollback()
    engine.dispose()


def test_every_message_tells_who_asked_and_when():
    from chassis import logs, task_measures
    from chassis.tasks import _stamp

    logs.request_id.set("request-1234")
    headers = {}

    _stamp(headers=headers)

    assert headers["x_request_id"] == "request-1234"
    assert headers[task_measures.SENT_AT] > 0
    logs.request_id.set(None)


def test_a_tasks_wait_is_measured_from_when_it_was_sent():
    import time

    from chassis import emf, task_measures

    tally = emf.Tally("tasks", dimensions={})
    task = SimpleNamespace(
        request=type("Request", (dict,), {"headers": {}})({task_measures.SENT_AT: time.time() - 7000})
    )

    task_measures.count(tally, 2000.0, task, "FAILURE")

    (waited,) = tally._waited.take()
    assert 5_000_000 <= waited < 5_100_000  # milliseconds
    assert tally._counts == {"": 1, "_failed": 1, "_refused": 0}
