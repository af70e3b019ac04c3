"""services/CONTRACT.md as code: what must hold for a web process, whatever it is written with."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from chassis.testing import eventually

REQUEST_ID = "contract-request-1"
DRAIN = 1.0  # seconds for which a process that stops goes on serving
UNSEEN = "could not be watched while it drained: the machine stalls"


@dataclass
class Process:
    """A web process that runs as in a container."""

    popen: subprocess.Popen
    port: int
    log: Path

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"X-Request-ID": REQUEST_ID}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, dict(answer.headers), answer.read()
        except OSError:
            return 0, {}, b""

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def start(module, folder, environment):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / f"{module}.log"
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"]}
    given = {
        "SERVICE": module, "PROCESS": "web", "ENVIRONMENT": "test", "RELEASE": "r", "AWS_REGION": "eu-west-1",
        "PORT": str(port), "METRICS_PORT": "0", "DRAIN_SECONDS": f"{DRAIN:g}", "INTERNAL_DOMAIN": "test.internal",
        "TOKEN_ISSUER": "http://tokens.test.internal",
    }  # fmt: skip
    with log.open("w") as out, log.with_suffix(".stderr").open("w") as errors:
        popen = subprocess.Popen(
            [sys.executable, "-m", module], env={**base, **given, **environment}, stdout=out, stderr=errors
        )
    return Process(popen, port, log)


def breaches(module, folder, environment):
    """Return the sentences of the contract that the process does not keep.

    A machine that stalls while the process drains lets nobody see how it drains: that is tried again.
    """
    for _ in range(5):
        process = start(module, folder, environment)
        try:
            if not eventually(lambda process=process: process.get("/health/live")[0] == 200, 60):
                return [f"is not live within 60 s: {process.log.with_suffix('.stderr').read_text()}"]
            found = [*_while_serving(process), *_while_draining(process)]
            if UNSEEN not in found:
                return [*found, *_at_the_end(process), *_logged(process)]
        finally:
            process.popen.kill()
            process.popen.wait()
    return [UNSEEN]


def refuses_an_empty_environment(module):
    """Say whether it ends with 1 and names what is missing."""
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ["PYTHONPATH"]}
    ended = subprocess.run(
        [sys.executable, "-m", module], env=base, capture_output=True, text=True, timeout=20
    )
    return ended.returncode == 1 and "is missing" in ended.stderr and "Traceback" not in ended.stderr


def _while_serving(process):
    if process.get("/health/ready")[0] != 200:
        yield "is not ready"
    status, headers, body = process.get("/there/is/nothing/here")
    kind = headers.get("Content-Type", "")
    if (status, kind.split(";")[0]) != (404, "application/problem+json"):
        yield f"an unknown path is {status} {kind}"
    elif {"title", "status"} - set(json.loads(body)):
        yield "a problem lacks title or status"
    if headers.get("X-Request-ID", headers.get("X-Request-Id")) != REQUEST_ID:
        yield "the request's id does not come back"


def _while_draining(process):
    """Tell it to stop and look at it within DRAIN seconds; [UNSEEN] when this could not be done in time."""
    began = time.monotonic()
    process.popen.send_signal(signal.SIGTERM)
    not_ready = eventually(lambda: process.get("/health/ready")[0] == 503, 0.8 * DRAIN)
    live = process.get("/health/live")[0] == 200
    if not_ready and live:
        return []
    if time.monotonic() - began > 0.9 * DRAIN:
        return [UNSEEN]
    return ["does not serve on while the balancer notices" if not_ready else "is ready while it stops"]


def _at_the_end(process):
    try:
        code = process.popen.wait(30)
    except subprocess.TimeoutExpired:
        yield "does not stop"
        return
    if code != 0:
        yield f"exits with {code}"


def _logged(process):
    try:
        lines = process.lines()
    except ValueError:
        return ["a line of the log is not JSON"]
    lacking = [line for line in lines if {"time", "level", "message", "service"} - set(line)]
    found = [f"a line lacks members: {lacking[0]}"] if lacking else []
    if not any(line.get("request_id") == REQUEST_ID for line in lines):
        found.append("no line has the request's id")
    return found


def all_at_once(checks):
    """Run the checks in threads, since each mostly waits; return their results in order."""
    results = [None] * len(checks)

    def run(index, check):
        results[index] = check()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(checks)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    return results
