"""A worker as a process of its own, against a queue that speaks SQS's protocol: its heart, and how it stops."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from billiard.pool import CLOSE
from kombu import Connection
from messages import received

from chassis import sqs, testing
from chassis.pool import Pool

MANY = 60  # tasks
WORKER = """
import sys, time
import celery.signals
from celery import Celery
from chassis import tasks

class Settings:
    service, aws_region, queue_url = "reviews", "eu-west-1", sys.argv[1]

app = tasks.celery_app(Settings())

@app.task(name="slow", shared=False)
def slow(seconds):
    print("started", flush=True)
    time.sleep(seconds)
    print("finished", flush=True)

@app.task(name="quick", shared=False)
def quick():
    pass

@app.task(name="fails", shared=False)
def fails():
    raise RuntimeError("as always")

celery.signals.worker_ready.connect(
    lambda sender, **_: print("pool", type(sender.controller.pool._pool).__module__, flush=True), weak=False
)
if "stuck" in sys.argv:
    celery.signals.worker_shutdown.connect(lambda **_: time.sleep(600), weak=False)
sys.exit(tasks.run_worker(app, patience=float(sys.argv[2]), last=float(sys.argv[3])))
"""


class FakeSqs(BaseHTTPRequestHandler):
    """Gives its messages once each and keeps what it was asked."""

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        self.server.asked.append((operation, given))
        answer = {}
        if operation == "GetQueueAttributes":
            answer = {"Attributes": {"ApproximateNumberOfMessages": "1", "RedrivePolicy": "{}"}}
        elif operation == "ReceiveMessage":
            answer = {"Messages": [self.server.messages.pop()]} if self.server.messages else {}
            time.sleep(0 if answer else 0.2)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeSqs)
    server.asked, server.messages = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def working(queue, folder, *words, patience=120.0, last=120.0):
    """A worker's process; stopped, it goes on with its task for `patience` seconds and is ended `last` seconds later."""
    address = f"http://127.0.0.1:{queue.server_port}"
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "HEARTBEAT": str(folder / "heartbeat"),
    }  # fmt: skip
    log = (folder / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, f"{address}/000000000000/reviews", str(patience), str(last), *words],
        env=environment,
        stdout=log,
        stderr=log,
    )
    process.log = folder / "log"
    yield process
    process.kill()
    process.wait()
    log.close()


@pytest.fixture
def queue():
    with serving() as server:
        yield server


@pytest.fixture
def worker(queue, tmp_path):
    with working(queue, tmp_path) as process:
        yield process


@pytest.fixture(scope="module")
def going_on(tmp_path_factory):
    """A queue and its worker that several tests share, since none of them stops it."""
    with serving() as server, working(server, tmp_path_factory.mktemp("worker")) as process:
        yield server, process


def operations(queue):
    return [name for name, _ in queue.asked]


def test_an_idle_worker_beats_its_heart_and_stops_at_once_with_0(queue, worker, tmp_path):
    assert testing.eventually(lambda: (tmp_path / "heartbeat").exists()), worker.log.read_text()

    assert testing.eventually(lambda: "pool chassis.pool\n" in worker.log.read_text()), worker.log.read_text()
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(60) == 0, worker.log.read_text()
    assert set(operations(queue)) <= {"GetQueueAttributes", "ReceiveMessage"}


def test_a_stopping_worker_finishes_its_task_and_acknowledges_it(queue, worker):
    queue.messages.append(received("slow", 1))
    assert testing.eventually(lambda: "started" in worker.log.read_text()), worker.log.read_text()

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(60) == 0, worker.log.read_text()
    assert "finished" in worker.log.read_text()
    assert operations(queue).count("DeleteMessage") == 1, worker.log.read_text()


def test_a_stopping_worker_gives_back_a_task_that_takes_too_long(queue, tmp_path):
    with working(queue, tmp_path, patience=2) as worker:
        queue.messages.append(received("slow", 600))
        assert testing.eventually(lambda: "started" in worker.log.read_text()), worker.log.read_text()

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(60) == 0, worker.log.read_text()
        assert "finished" not in worker.log.read_text()
        assert "ended by force" not in worker.log.read_text()
        assert "DeleteMessage" not in operations(queue)
        assert [
            given["VisibilityTimeout"] for name, given in queue.asked if name == "ChangeMessageVisibility"
        ] == [0]


def test_a_worker_that_hangs_while_it_stops_is_ended_with_all_its_processes(queue, tmp_path):
    with working(queue, tmp_path, "stuck", patience=2, last=2) as worker:
        assert testing.eventually(lambda: "ReceiveMessage" in operations(queue)), worker.log.read_text()
        children = children_of(worker.pid)

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(60) == 0, worker.log.read_text()
        assert "the worker hung while it stopped; ended by force" in worker.log.read_text()
        assert children
        assert testing.eventually(lambda: not any(is_alive(child) for child in children))


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid):
    """A process that has ended and waits for somebody to look is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_task_that_fails_is_given_back_with_a_pause_and_not_acknowledged(going_on):
    queue, worker = going_on
    queue.asked.clear()
    queue.messages.append(received("fails", receives=3))

    def pauses():
        return [
            given["VisibilityTimeout"] for name, given in queue.asked if name == "ChangeMessageVisibility"
        ]

    assert testing.eventually(pauses), worker.log.read_text()
    assert 10 <= pauses()[0] <= 20
    assert not {"DeleteMessage", "SendMessage"} & set(operations(queue))


def test_a_worker_begins_its_next_task_as_soon_as_it_has_done_one(going_on):
    queue, worker = going_on
    queue.asked.clear()
    queue.messages += [received("quick") for _ in range(MANY)]
    assert testing.eventually(lambda: "DeleteMessage" in operations(queue)), worker.log.read_text()

    # One that leaves it to a loop that sleeps takes a second for each.
    assert testing.eventually(lambda: operations(queue).count("DeleteMessage") == MANY, MANY / 4), (
        worker.log.read_text()
    )


class Polls(sqs.Channel):
    """Notes what it would poll."""

    def _get_bulk_async(self, queue, callback=None):
        self.polled.append(queue)


def test_a_channel_without_room_polls_once_when_a_task_is_done_and_does_not_wait_for_its_loop():
    transport = type("Transport", (sqs.Transport,), {"Channel": Polls})
    queues = {"predefined_queues": {"q": {"url": "http://127.0.0.1:9/000000000000/q"}}}
    channel = Connection("sqs://", transport=transport, transport_options=queues).default_channel
    channel.polled = []
    channel._active_queues.append("q")
    channel.basic_qos(0, 1, False)
    channel.qos.append(SimpleNamespace(delivery_info={}), "tag")

    channel._loop1("q", 1)
    channel._loop1("q", 1)
    assert channel.polled == []

    channel.qos.ack("tag")
    assert channel.polled == ["q"]


@dataclass(eq=False)
class Job:
    """As much of a pool's job as `flush` looks at; `process` is the one that it was written to."""

    cache: dict
    process: object = None
    _accepted: bool = False

    @property
    def _write_to(self):
        return self.process

    def discard(self):
        self.cache.pop(self)


def test_a_pool_that_is_emptied_forgets_only_what_no_process_was_given():
    made = object.__new__(Pool)
    made._state, made.synack, made.outbound_buffer, made.maintain_pool = CLOSE, False, deque(), lambda: None
    made._active_writers, made._active_writes, made._busy_workers = set(), set(), set()
    cache = made._cache = {}
    process = SimpleNamespace(_is_alive=lambda: True, inqW_fd=7)
    waiting, given, begun = Job(cache), Job(cache, process), Job(cache, process, True)
    cache.update({job: job for job in (waiting, given, begun)})

    made.flush()

    assert list(cache) == [given, begun]


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_between_two_quick_tasks_stops_at_once_and_acknowledges_what_it_did(
    tmp_path,
):
    """Told at any moment: eight times, since only some moments are the bad ones."""
    for moment in range(8):
        with serving() as queue, working(queue, tmp_path) as worker:
            queue.messages += [received("quick") for _ in range(1000)]
            assert testing.eventually(lambda queue=queue: "DeleteMessage" in operations(queue))
            time.sleep(0.05 * moment)

            worker.send_signal(signal.SIGTERM)

            assert worker.wait(20) == 0, worker.log.read_text()
            taken = 1000 - len(queue.messages)
            assert operations(queue).count("DeleteMessage") >= taken - 1, worker.log.read_text()
