"""The reviews service whole, to be killed under load: its processes, an SQS, the neighbours that it asks, and callers.

The processes are started with the command and the variables of their container, on a real PostgreSQL. SQS is that of
the local cloud's control plane, which keeps messages in flight and shows them again as AWS does.
"""

import contextlib
import http.client
import itertools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy import create_engine, text

from chassis.testing import KID, eventually, fresh_database, postgres, signing_key, token
from tests import aws_account

MOVIES = 10
PATIENCE = 120.0  # seconds that a caller goes on trying, and that what is left to do may take
PERIOD = 1.0  # seconds between two charts and between two repairs
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-1"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Process:
    """One process of a service; killed, it is started again, as ECS does."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    popen: subprocess.Popen | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def heartbeat(self) -> Path:
        return self.folder / f"{self.name}.heart"

    def start(self) -> None:
        self.heartbeat.unlink(missing_ok=True)
        with self.log.open("a") as out:
            self.popen = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=self.folder,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def end(self, how: signal.Signals) -> int:
        """Send the signal, wait for the end as long as ECS does, return the exit code."""
        self.popen.send_signal(how)
        return self.popen.wait(30)

    def destroy(self) -> None:
        """End it with all that it started."""
        if self.popen:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


class Neighbours(BaseHTTPRequestHandler):
    """The token issuer and `movies`, as far as `reviews` asks them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/movies/"):
            number = int(self.path.rsplit("/", 1)[1])
            self.answer({"id": number, "title": f"Film {number}"})
        elif self.path == "/.well-known/jwks.json":
            self.answer({"keys": [{**signing_key().as_dict(private=False), "kid": KID, "use": "sig"}]})
        else:
            self.answer({})  # nothing is revoked

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "of-reviews", "token_type": "Bearer", "expires_in": 600})

    def answer(self, value: dict) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        pass


@dataclass
class Yard:
    """All of it. `visibility` is after how many seconds SQS shows again what a worker took and did not finish."""

    folder: Path
    visibility: int = 5
    processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        signing_key()  # made once, before threads ask for it
        self.database = fresh_database("reviews")
        self.engine = create_engine(self.database)
        self.neighbours = ThreadingHTTPServer(("127.0.0.1", 0), Neighbours)
        threading.Thread(target=self.neighbours.serve_forever, daemon=True).start()
        self.sqs_port = free_port()
        self.queue_url = self.dead_url = ""

    def __enter__(self) -> "Yard":
        try:
            self._open_queue()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for process in self.processes.values():
            process.destroy()
        self.neighbours.shutdown()
        self.neighbours.server_close()
        self.engine.dispose()

    def add(self, name: str, *arguments: str, **variables: str) -> Process:
        """Start a process of the service: `add("web-1", "web", PORT="1234")`."""
        self.processes[name] = Process(
            name, ["-m", "reviews", *arguments], {**self._environment(name), **variables}, self.folder
        )
        self.processes[name].start()
        return self.processes[name]

    def rows(self, statement: str) -> list[tuple]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def messages(self) -> dict[str, int]:
        """How many are in the queue, in work, and dead."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = [(self.queue_url, names[0]), (self.queue_url, names[1]), (self.dead_url, names[0])]
        counts = [
            int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
            for url, name in asked
        ]
        return dict(zip(("waiting", "in work", "dead"), counts, strict=True))

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.log.read_text()[-3000:]}" for p in self.processes.values())

    def _open_queue(self) -> None:
        plane = {
            "GATEWAY_PORT": str(self.sqs_port), "MINISTACK_HOST": "127.0.0.1", "MINISTACK_REGION": "eu-west-1",
            "PERSIST_STATE": "0", "STATE_DIR": str(self.folder), "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0",
        }  # fmt: skip
        command = ["-m", "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{self.sqs_port}"]
        self.processes["sqs"] = Process("sqs", command, {**os.environ, **plane}, self.folder)
        self.processes["sqs"].start()
        assert eventually(lambda: _answers(self.sqs_port), 30), self.logs()
        self.sqs = aws_account.client("sqs", endpoint_url=f"http://127.0.0.1:{self.sqs_port}")
        self.dead_url = self.sqs.create_queue(QueueName="reviews-dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 5}
        attributes = {"VisibilityTimeout": str(self.visibility), "RedrivePolicy": json.dumps(redrive)}
        self.queue_url = self.sqs.create_queue(QueueName="reviews", Attributes=attributes)["QueueUrl"]

    def _environment(self, name: str) -> dict[str, str]:
        neighbours = f"http://127.0.0.1:{self.neighbours.server_port}"
        heartbeat = str(Process(name, [], {}, self.folder).heartbeat)
        return {
            **CREDENTIALS, **postgres().environment(str(self.database.database)),
            "PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"], "SERVICE": "reviews",
            "PROCESS": name, "ENVIRONMENT": "test", "RELEASE": "test", "QUEUE_URL": self.queue_url,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.sqs_port}", "HEARTBEAT": heartbeat,
            "INTERNAL_DOMAIN": "test.internal", "SERVICE_ADDRESS": neighbours, "TOKEN_ISSUER": neighbours,
            "CLIENT_ID": "reviews", "CLIENT_SECRET": "secret-reviews", "METRICS_PORT": "0", "DRAIN_SECONDS": "1",
            "CHART_SECONDS": str(PERIOD), "REPAIR_SECONDS": str(PERIOD),
        }  # fmt: skip


class Balancer:
    """Knows, as a load balancer does, which of the web processes say that they are ready."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._ready: set[int] = set()
        self._let_go: set[int] = set()
        self._turn = itertools.count()
        self._over = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def pick(self) -> int:
        """Return the port of a process that is ready; wait for one."""
        assert eventually(lambda: bool(self._ready - self._let_go), PATIENCE), "no web process is ready"
        ready = sorted(self._ready - self._let_go) or self._ports
        return ready[next(self._turn) % len(ready)]

    def all_ready(self) -> bool:
        return self._ready == set(self._ports)

    def forget(self, port: int) -> None:
        """Send nothing there until it says that it is ready."""
        self._ready.discard(port)

    @contextlib.contextmanager
    def without(self, port: int | None) -> Iterator[None]:
        """Send nothing there meanwhile: ECS has a balancer let a task go before it tells it to stop."""
        self._let_go |= {port} if port else set()
        yield
        self._let_go.discard(port)

    def close(self) -> None:
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for port in self._ports:
                is_ready = _answers(port, "/health/ready") and port not in self._let_go
                (self._ready.add if is_ready else self._ready.discard)(port)


class Callers:
    """Send reviews, each until it is acknowledged, with the same Idempotency-Key every time; ask for charts."""

    def __init__(self, balancer: Balancer, issuer: str, count: int, *, threads: int = 6) -> None:
        self._balancer = balancer
        self._token = token("reviews:write", "reviews", iss=issuer)
        self._left: queue.Queue[int] = queue.Queue()
        for number in range(count):
            self._left.put(number)
        self.acknowledged: dict[int, int] = {}  # number -> id of the review
        self.charts: set[int] = set()  # ids of the computations that were accepted
        self.broken = 0  # connections that broke, or were refused
        self.refused: list[object] = []  # answers that no caller should get; the first ends it all
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)

    def ask_for_chart(self) -> None:
        """Ask until it is accepted."""

        def accepted() -> bool:
            connection = http.client.HTTPConnection("127.0.0.1", self._balancer.pick(), timeout=10)
            try:
                headers = {"Authorization": f"Bearer {self._token}"}
                connection.request("POST", "/charts/computations", b"", headers)
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                return False
            finally:
                connection.close()
            self.charts |= {told["id"]} if answer.status == 202 else set()
            return answer.status == 202

        assert eventually(accepted, PATIENCE), "nobody takes the request for a chart"

    def _work(self) -> None:
        connections: dict[int, http.client.HTTPConnection] = {}
        while True:
            try:
                number = self._left.get_nowait()
            except queue.Empty:
                return
            deadline = time.monotonic() + PATIENCE
            while number not in self.acknowledged and time.monotonic() < deadline and not self.refused:
                self._attempt(connections, number)

    def _attempt(self, connections: dict[int, http.client.HTTPConnection], number: int) -> None:
        port = self._balancer.pick()
        connection = connections.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=10))
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"review-{number}",
        }
        body = json.dumps({"stars": 1 + number % 5, "text": f"review {number}"})
        try:
            connection.request("POST", f"/movies/{1 + number % MOVIES}/reviews", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self.broken += 1
            connections.pop(port).close()
            self._balancer.forget(port)
            return
        if answer.status == 201:
            self.acknowledged[number] = told["id"]
        elif answer.status not in (409, 503):
            self.refused.append(told)


def _answers(port: int, path: str = "/_ministack/health") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
