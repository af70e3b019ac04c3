"""Measures the gateway's firewall beside ModSecurity with the Core Rule Set, on the same requests, in one run.

usage: python -m tests.gateway.bench.bench [--seconds 3] [--rounds 3] [--score PROGRAM]

PROGRAM is called with a port and prints two lines, `attacks {…}` and `benign {…}`, with a `pct` of what was blocked.
Writes its section of BENCHMARKS.md. Every door runs with one worker in a container of its own, in front of the same service.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.models.containers import Container

from tests import bench_page
from tests.gateway.bench.section import Measured, Speed, best, section
from tests.gateway.client import request_bytes, statuses
from tests.gateway.image import build
from tests.gateway.ordinary import requests
from tests.gateway.services_under_test import MANIFESTS

HERE = Path(__file__).resolve().parent
TARGET = "/films?title=alien&limit=20&cursor=abcDEF123"
ORDINARY = 3000
_GENEROUS = {
    name: re.sub(r'rate_limit = ".*"', 'rate_limit = "1000/s"', text) for name, text in MANIFESTS.items()
}
_SETTINGS = {
    "INTERNAL_DOMAIN": "bench.internal",
    "WORKERS": "1",
    "ADDRESS_RATE": "100000",
    "MAX_CONCURRENCY": "4096",
}


@dataclass(frozen=True)
class Door:
    """What is measured: `address` on the network, `port` on loopback."""

    name: str
    container: Container
    address: str
    port: int

    def cpu(self) -> float:
        """Return the processor time that it has used so far, in microseconds."""
        return (
            float(self.container.stats(stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"])
            / 1000
        )


@contextmanager
def doors() -> Iterator[tuple[Container, list[Door], int]]:
    """Start the load's container and the doors, tell the gateway image's bytes; remove all of it afterwards."""
    client = docker.from_env()
    tag = f"est-gateway-bench-{uuid.uuid4().hex[:8]}"
    tools, _ = client.images.build(path=str(HERE), tag=tag)
    with tempfile.TemporaryDirectory() as folder:
        images = build(Path(folder), _GENEROUS)
    network = client.networks.create(tag)
    started: list[Container] = []

    def start(
        image: str, command: list[str] | None, name: str, aliases: list[str], **more: object
    ) -> Container:
        container = client.containers.create(
            image, command, name=f"{tag}-{name}", network=tag, ports={"8080/tcp": ("127.0.0.1", 0)}, **more
        )
        started.append(container)
        network.disconnect(container)
        network.connect(container, aliases=aliases)
        container.start()
        return container

    def nginx(kind: str) -> list[str]:
        return ["nginx", "-e", "/dev/null", "-c", f"/bench/{kind}.conf"]

    try:
        start(
            tools.id,
            nginx("service"),
            "service",
            ["service", "films.bench.internal", "opinions.bench.internal"],
        )
        load = start(tools.id, ["sleep", "infinity"], "load", [])
        gateways = {"gateway": "block", "gateway, firewall off": "off"}
        found = [_door("bare proxy", start(tools.id, nginx("plain"), "plain", []), tag)]
        found += [
            _door(
                name,
                start(
                    images.gateway, None, f"gateway-{mode}", [], environment={**_SETTINGS, "WAF_MODE": mode}
                ),
                tag,
            )
            for name, mode in gateways.items()
        ]
        found.append(_door("ModSecurity, CRS", start(tools.id, nginx("reference"), "reference", []), tag))
        time.sleep(3)
        yield load, found, int(client.images.get(images.gateway).attrs["Size"])
    finally:
        for container in started:
            container.remove(force=True)
        network.remove()
        for image in (tag, images.gateway):
            client.images.remove(image, force=True)


def _door(name: str, container: Container, network: str) -> Door:
    container.reload()
    settings = container.attrs["NetworkSettings"]
    return Door(
        name,
        container,
        settings["Networks"][network]["IPAddress"],
        int(settings["Ports"]["8080/tcp"][0]["HostPort"]),
    )


def speed(load: Container, door: Door, seconds: int, *, fresh: bool) -> Speed:
    """Measure with wrk, as a thousand clients from inside the network: throughput first, then latency."""
    more = [f"http://{door.address}:8080{TARGET}", *(["--", "fresh"] if fresh else [])]
    _wrk(load, ["-t1", "-c16", "-d1s", *more])
    before = door.cpu()
    busy = _wrk(load, ["-t1", "-c16", f"-d{seconds}s", *more])
    used = door.cpu() - before
    alone = _wrk(load, ["-t1", "-c1", "--latency", f"-d{seconds}s", *more])
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", busy), re.search(r"(\d+) requests in", busy)
    if rate is None or count is None or "Non-2xx" in busy + alone:
        raise SystemExit(f"{door.name} did not answer as it should:\n{busy}\n{alone}")
    return Speed(float(rate[1]), used / int(count[1]), *read_latencies(alone))


def read_latencies(said: str) -> tuple[float, float]:
    """Return the median and the 99th percentile that wrk printed, in microseconds."""
    found = dict(re.findall(r"^ +(50|99)% +([\d.]+(?:us|ms|s))$", said, re.MULTILINE))
    units = {"us": 1, "ms": 1000, "s": 1000000}
    median, tail = (re.fullmatch(r"([\d.]+)(us|ms|s)", found.get(share, "")) for share in ("50", "99"))
    if median is None or tail is None:
        raise SystemExit(f"wrk printed no latencies:\n{said}")
    return float(median[1]) * units[median[2]], float(tail[1]) * units[tail[2]]


def _wrk(load: Container, arguments: list[str]) -> str:
    code, output = load.exec_run(["wrk", "-s", "/bench/clients.lua", *arguments])
    if code != 0:
        raise SystemExit(output.decode())
    return str(output.decode())


def blocked(door: Door, sent: list[bytes]) -> float:
    """Return how many per cent of the requests are answered with 403."""
    found = statuses(door.port, sent)
    return 100 * found.count(403) / len(found)


def corpora() -> dict[str, list[bytes]]:
    """Return the attacks and the ordinary requests of the tests."""
    lines = (HERE.parent / "attacks.txt").read_text(encoding="utf-8").splitlines()
    attacks = [line.replace("\\r", "\r").replace("\\n", "\n") for line in lines if line]
    return {
        "attacks": [request_bytes(f"/?q={urllib.parse.quote(attack)}") for attack in attacks],
        "ordinary": [request for _, request in requests(ORDINARY)],
    }


def scored(program: str, door: Door) -> str:
    """Return the program's verdict: attacks blocked / benign passed, both in per cent."""
    output = subprocess.run([program, str(door.port)], capture_output=True, text=True, check=True).stdout
    shares = {line.split(" ", 1)[0]: json.loads(line.split(" ", 1)[1])["pct"] for line in output.splitlines()}
    return f"{shares['attacks']:.1f} % / {100 - shares['benign']:.1f} %"


def measured(load: Container, found: list[Door], seconds: int, rounds: int) -> dict[str, dict[bool, Speed]]:
    """Measure every door in turn, several times, so that a busy moment of the machine is not one door's alone."""
    speeds: dict[str, dict[bool, list[Speed]]] = {door.name: {False: [], True: []} for door in found}
    for number in range(rounds):
        for door in found:
            for fresh in (False, True):
                speeds[door.name][fresh].append(speed(load, door, seconds, fresh=fresh))
                print(f"round {number + 1}, {door.name}: {speeds[door.name][fresh][-1]}", file=sys.stderr)
    return {name: {fresh: best(each) for fresh, each in kinds.items()} for name, kinds in speeds.items()}


def main() -> None:
    """Measure, write the section and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--score")
    options = parser.parse_args()
    began, sent = bench_page.machine(), corpora()
    with doors() as (load, found, image_bytes):
        speeds = measured(load, found, options.seconds, options.rounds)
        ended = os.getloadavg()[0]
        results = [Measured(found[0].name, speeds[found[0].name][False], speeds[found[0].name][True])]
        for door in found[1:]:
            shares = [blocked(door, sent[kind]) for kind in ("attacks", "ordinary")]
            verdict = scored(options.score, door) if options.score else None
            results.append(
                Measured(door.name, speeds[door.name][False], speeds[door.name][True], *shares, verdict)
            )
    text = section(
        results,
        seconds=options.seconds,
        rounds=options.rounds,
        image_bytes=image_bytes,
        began=began,
        ended=ended,
    )
    bench_page.write("bench-gateway", text)
    print(text)


if __name__ == "__main__":
    main()
