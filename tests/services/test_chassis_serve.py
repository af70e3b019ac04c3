"""The life of a web process, seen from outside: a real process, real signals."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from chassis import healthcheck
from chassis.serve import QUIET, drained
from chassis.testing import eventually

APP = """
import asyncio, sys
from chassis import logs, web
from chassis.serve import serve
from chassis.settings import WebSettings

class Slow(web.Handler):
    async def get(self):
        print("begun", flush=True)
        await asyncio.sleep(float(self.get_query_argument("seconds")))
        self.send({"slept": True})

class Dependencies(web.Dependencies):
    async def close(self):
        print("dependencies closed", flush=True)

settings = WebSettings(service="x", process="web", environment="test", release="x-1", internal_domain="x",
    token_issuer="http://x", port=int(sys.argv[1]), drain_seconds=float(sys.argv[2]), finish_seconds=float(sys.argv[3]))
logs.configure()
serve(lambda: web.application([("/slow", Slow)], Dependencies(service="x")), settings)
"""


class Process:
    def __init__(self, drain, finish):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", APP, str(self.port), str(drain), str(finish)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: self.status("/health/live") == 200)

    def status(self, path):
        try:
            return self.get(path)[0]
        except OSError:
            return None

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@pytest.fixture
def serving():
    started = []

    def start(drain, finish):
        started.append(Process(drain, finish))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def open_slow(serving, seconds):
    """Send a request that takes so long; return the connection once it is in flight."""
    connection = socket.create_connection(("127.0.0.1", serving.port), timeout=60)
    connection.sendall(f"GET /slow?seconds={seconds} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    while serving.process.stdout.readline() != "begun\n":
        assert serving.process.poll() is None
    return connection


def test_sigterm_makes_it_not_ready_while_it_serves_on_then_it_exits_0(serving):
    process = serving(drain=60, finish=5)
    held = open_slow(process, 60)  # so that it drains until this is over

    process.process.send_signal(signal.SIGTERM)
    not_ready = eventually(lambda: process.status("/health/ready") == 503)
    during = process.get("/slow?seconds=0")
    held.close()
    out, _ = process.process.communicate(timeout=30)

    assert not_ready
    assert (during[0], during[1]["Connection"]) == (200, "close")
    assert process.process.returncode == 0
    assert "dependencies closed" in out
    assert '"message": "stopped"' in out


def test_a_process_of_which_nobody_asks_anything_but_how_it_is_ends_before_its_draining_is_over(serving):
    process = serving(drain=600, finish=5)

    process.process.send_signal(signal.SIGTERM)

    assert eventually(lambda: process.status("/health/live") is None, 30)
    assert process.process.wait(30) == 0


class Clock:
    """A clock that goes on by a tenth of a second whenever somebody looks."""

    now = 0.0

    def __call__(self):
        self.now = round(self.now + 0.1, 1)
        self.tick(self.now)
        return self.now

    def tick(self, now):
        """What happens meanwhile."""


@pytest.mark.parametrize(
    ("last_request", "over_at", "drains_for"),
    [
        pytest.param(0.0, 0.0, QUIET, id="a second without a request"),
        pytest.param(2.0, 2.0, 2.0 + QUIET, id="a request prolongs it"),
        pytest.param(0.0, 3.0, 3.0, id="a request in flight prolongs it"),
        pytest.param(99.0, 99.0, 5.0, id="requests without end do not"),
    ],
)
def test_draining_ends_after_a_second_without_a_request_and_in_any_case(last_request, over_at, drains_for):
    """Requests come in until `last_request` and the last is answered at `over_at`, in seconds from SIGTERM."""
    app, clock = SimpleNamespace(last_request=0.0, in_flight=set()), Clock()

    def tick(now):
        app.last_request = min(now, last_request)
        app.in_flight = {"a request"} if now < over_at else set()

    clock.tick = tick
    asyncio.run(drained(app, 5.0, clock=clock))

    assert drains_for <= clock.now <= drains_for + 0.3


def test_a_request_in_flight_is_finished_before_the_end(serving):
    process = serving(drain=0.1, finish=10)
    with open_slow(process, 1.0) as connection:
        process.process.send_signal(signal.SIGTERM)
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert process.process.wait(30) == 0


def test_a_request_that_takes_too_long_does_not_hold_the_process(serving):
    process = serving(drain=0.1, finish=0.5)
    with open_slow(process, 600):
        process.process.send_signal(signal.SIGTERM)

        assert process.process.wait(30) == 0


def test_idle_connections_do_not_hold_the_process(serving):
    process = serving(drain=0.1, finish=600)
    with socket.create_connection(("127.0.0.1", process.port)):
        process.process.send_signal(signal.SIGTERM)

        assert process.process.wait(30) == 0


def test_a_second_sigterm_changes_nothing(serving):
    process = serving(drain=60, finish=5)
    held = open_slow(process, 60)

    process.process.send_signal(signal.SIGTERM)
    stopping = eventually(lambda: process.status("/health/ready") == 503)
    process.process.send_signal(signal.SIGTERM)
    held.close()

    assert stopping
    assert process.process.wait(30) == 0


def test_the_health_check_of_a_container_asks_whether_it_lives(serving):
    process = serving(drain=60, finish=1)
    held = open_slow(process, 60)

    def check():
        environment = {**os.environ, "PORT": str(process.port)}
        return subprocess.run(
            [sys.executable, "-m", "chassis.healthcheck", "web"], env=environment
        ).returncode

    serves = check()
    process.process.send_signal(signal.SIGTERM)
    eventually(lambda: process.status("/health/ready") == 503)
    drains = check()
    held.close()
    process.process.kill()
    process.process.wait()

    assert (serves, drains, check()) == (0, 0, 1)


def test_a_heartbeat_counts_for_a_minute(tmp_path):
    path = tmp_path / "heartbeat"
    path.touch()
    touched = path.stat().st_mtime

    assert healthcheck.heart_beats(path, now=touched + 59)
    assert not healthcheck.heart_beats(path, now=touched + 61)
    assert not healthcheck.heart_beats(tmp_path / "nothing")


def test_the_health_check_is_light():
    code = "import sys, chassis.healthcheck; print({'tornado', 'sqlalchemy', 'celery', 'msgspec'} & set(sys.modules))"

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out == "set()\n"
