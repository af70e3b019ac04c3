"""Tasks: settings that SQS needs, one beat at a time, hearts that beat only while work is done."""

import asyncio
import contextvars
import threading
from dataclasses import dataclass

import psycopg
import pytest
from celery import Celery

from chassis import beat, heartbeat, logs, testing, trace
from chassis.beat import Lock, LockedScheduler
from chassis.migration_lock import lock_key
from chassis.settings import DatabaseSettings, ProcessSettings, QueueSettings, Secret
from chassis.tasks import Publisher, celery_app


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings, DatabaseSettings, QueueSettings):
    pass


def settings(database="postgres"):
    return Settings(
        service="reviews",
        process="beat",
        environment="test",
        release="reviews-1",
        queue_url="http://sqs.test/000000000000/reviews",
        database_host=str(testing.postgres().directory),
        database_name=database,
        database_sslmode="disable",
        database_user="postgres",
        database_password=Secret("trusted"),
    )


@pytest.fixture
def database():
    name = testing.postgres().create_database()
    with testing.postgres().connect(name) as connection:
        connection.execute(
            "CREATE TABLE schedule (name text PRIMARY KEY, last_run_at timestamptz NOT NULL, done_for timestamptz)"
        )
    return name


@pytest.fixture
def beats(tmp_path, monkeypatch):
    path = tmp_path / "heartbeat"
    monkeypatch.setattr(heartbeat, "PATH", path)
    return path


def url(database):
    return testing.postgres().url(database).render_as_string()


def test_the_queue_is_named_in_full_and_nothing_else_is_asked_of_sqs():
    conf = celery_app(settings()).conf

    options = conf.broker_transport_options
    assert options["predefined_queues"] == {"reviews": {"url": "http://sqs.test/000000000000/reviews"}}
    assert (options["polling_interval"], options["wait_time_seconds"]) == (0, 2)
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier) == (True, 1)
    assert (conf.worker_enable_remote_control, conf.worker_send_task_events) == (False, False)
    assert conf.task_time_limit < options["visibility_timeout"]
    assert conf.accept_content == ["json"]


def test_of_two_locks_one_is_held_and_the_other_follows_when_it_is_let_go(database):
    first, second = Lock(url(database), "reviews"), Lock(url(database), "reviews")

    assert (first.holds(), second.holds(), first.holds()) == (True, False, True)
    first.close()
    assert testing.eventually(second.holds)
    assert first.holds() is False
    second.close()
    first.close()


def test_services_do_not_lock_each_other_out(database):
    first, second = Lock(url(database), "reviews"), Lock(url(database), "movies")

    assert (first.holds(), second.holds()) == (True, True)
    first.close()
    second.close()


def test_a_lock_whose_connection_died_is_lost_and_taken_again(database):
    lock = Lock(url(database), "reviews")
    lock.holds()
    with testing.postgres().connect() as root:
        root.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))

    with pytest.raises(psycopg.Error):
        lock.holds()
    assert testing.eventually(lock.holds)
    lock.close()


def scheduler(database, sent):
    class Recording(LockedScheduler):
        def send(self, entry, *, moment):
            sent.append(moment)

    app = celery_app(settings(database), schedule={"chart": {"task": "reviews.chart", "schedule": 0.1}})
    made = Recording(app)
    made._producer = None
    type(made).producer = property(lambda self: None)
    return made


def test_two_beats_send_each_task_once(database, beats):
    one, two = [], []
    first, second = scheduler(database, one), scheduler(database, two)

    def tick():
        first.tick()
        second.tick()

    assert testing.eventually(lambda: tick() or len(one) >= 5)
    first.close()
    while_both_ran = len(two)
    assert testing.eventually(lambda: second.tick() is None or len(two) > 1)
    second.close()

    assert while_both_ran == 0
    assert len(set(one + two)) == len(one + two)


def test_a_beat_without_a_database_sends_nothing_and_its_heart_stops(beats):
    sent = []
    one = scheduler("there_is_no_such_database", sent)

    assert one.tick() == beat.RETRY
    assert sent == []
    assert not beats.exists()


def test_a_beat_in_waiting_is_alive(database, beats):
    with testing.postgres().connect(database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (lock_key("beat:reviews"),))
        waiting = scheduler(database, [])

        assert waiting.tick() == beat.RETRY
        assert beats.exists()
        waiting.close()


class Timer:
    """Stands for the consumer's timer: runs what was asked each time somebody turns it."""

    def __init__(self):
        self.entries = []

    def call_repeatedly(self, interval, function):
        entry = Entry(function)
        self.entries.append(entry)
        return entry


class Entry:
    def __init__(self, function):
        self.function = function
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Consumer:
    def __init__(self):
        self.timer = Timer()
        self.steps = []


def test_a_workers_heart_is_in_the_hands_of_its_consumer(beats):
    consumer = Consumer()
    step = heartbeat.ConsumerHeartbeat(consumer)

    step.start(consumer)
    began = beats.exists()
    beats.unlink()
    (entry,) = consumer.timer.entries
    entry.function()
    went_on = beats.exists()
    step.stop(consumer)
    step.stop(consumer)

    assert (began, went_on, entry.cancelled) == (True, True, True)


def test_publishing_does_not_hold_up_the_loop_and_hands_the_ids_on():
    sent, let_go = [], threading.Event()

    class Slow(Celery):
        def send_task(self, name, args=None, headers=None, **options):
            assert let_go.wait(60)
            sent.append((name, args, headers, threading.current_thread().name))

    async def scenario():
        trace.enter({"X-Request-ID": "request-1"})
        publisher = Publisher(Slow("x", set_as_current=False))
        sending = asyncio.create_task(publisher.send("reviews.rate", 7))
        for _ in range(10):
            await asyncio.sleep(0.001)
        before = list(sent)
        let_go.set()
        await sending
        return before, logs.traceparent.get()

    before, parent = asyncio.run(scenario())

    ((name, arguments, headers, thread),) = sent
    assert (name, arguments) == ("reviews.rate", (7,))
    assert headers == {"x_request_id": "request-1", "traceparent": parent}
    assert thread.startswith("publish")
    assert before == []  # and the loop had turned


def test_a_task_works_under_the_ids_of_the_request_that_asked_for_it():
    app = celery_app(settings())

    @app.task(name="probe", bind=True, shared=False)
    def probe(self):
        return logs.request_id.get(), logs.traceparent.get().split("-")[1], logs.task_name.get()

    headers = {"x_request_id": "request-1", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}

    def run():
        return probe.apply(headers=headers, task_id="task-1").get()

    assert contextvars.copy_context().run(run) == ("request-1", "a" * 32, "probe[task-1]")
