"""The worker as a process of its own, with an SQS that fails as it is told."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from messages import received
from sqlalchemy import create_engine, text

from chassis.testing_postgres import eventually, fresh_database, postgres

MESSAGE, NOTHING, HANG_UP = "message", "nothing", "hang up"


@dataclass
class Script:
    """What SQS answers to one poll after the other, and what it was asked."""

    answers: deque
    polls: list[float] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


class FakeSqs(BaseHTTPRequestHandler):
    """Speaks as much of SQS's JSON protocol as a worker needs."""

    script: Script

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].split(".")[1]
        if operation == "DeleteMessage":
            self.script.deleted.append(asked["ReceiptHandle"])
        answer = self.next_answer() if operation == "ReceiveMessage" else NOTHING
        if answer == HANG_UP:
            self.close_connection = True
            return
        content = {
            MESSAGE: {"Messages": [received("reviews.rate", 1)]},
            NOTHING: {"Attributes": {"ApproximateNumberOfMessages": "0"}},
        }
        self.answer(answer if isinstance(answer, int) else 200, content.get(answer, {}))

    def next_answer(self):
        self.script.polls.append(time.monotonic())
        if self.script.answers:
            return self.script.answers.popleft()
        time.sleep(0.5)  # a long poll
        return NOTHING

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@contextmanager
def fake_sqs(*answers):
    """Serve on loopback; gives the address and the script."""
    script = Script(deque(answers))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (FakeSqs,), {"script": script}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", script
    server.shutdown()
    server.server_close()


@contextmanager
def process(name: str, address: str, database: str, folder):
    """Run `python -m reviews NAME` as its container does; stop it as ECS does."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "HEARTBEAT": str(folder / "heartbeat"),
        "SERVICE": "reviews",
        "PROCESS": name,
        "ENVIRONMENT": "test",
        "RELEASE": "test",
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "QUEUE_URL": f"{address}/000000000000/reviews",
        "CHART_SECONDS": "1",
        **postgres().environment(database),
    }
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "reviews", name], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(60)
        finally:
            running.kill()
            running.wait()


@pytest.fixture
def reviewed():
    """A database with one review of movie 1 that waits to be counted."""
    engine = create_engine(fresh_database("reviews"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO reviews (movie_id, stars, text) VALUES (1, 4, '')"))
    yield engine
    engine.dispose()


def ratings(engine) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT movie_id, count, total FROM ratings"))]


@pytest.mark.slow
def test_a_worker_goes_on_after_polls_that_failed(reviewed, tmp_path):
    with (
        fake_sqs(503, 403, HANG_UP, NOTHING, MESSAGE) as (address, sqs),
        process("worker", address, reviewed.url.database, tmp_path) as worker,
    ):
        rated = eventually(lambda: ratings(reviewed) == [(1, 1, 4)])
        deleted = eventually(lambda: sqs.deleted == ["handle"])

    assert rated and deleted, (tmp_path / "log").read_text()
    assert all(later - earlier > 0.9 for earlier, later in zip(sqs.polls[:3], sqs.polls[1:4], strict=True))
    assert worker.returncode == 0
    assert (tmp_path / "heartbeat").exists()


def test_a_beat_sends_what_is_due_and_writes_nothing_but_its_heartbeat(reviewed, tmp_path):
    with fake_sqs() as (address, _), process("beat", address, reviewed.url.database, tmp_path) as beat:
        sent = eventually(lambda: "sent due task reviews.chart" in (tmp_path / "log").read_text())

    assert sent, (tmp_path / "log").read_text()
    assert beat.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heartbeat", "log"]
