"""Health checks: a real HTTP request to every target, as often as its target group says, judged by the group's matcher."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import aiohttp
from ministack.services import alb

from infra.local.elb import targets
from infra.local.elb.targets import Entry, Health

LOOK = 0.1
EAGER_SECONDS = 0.5
"""A new target is probed this often until it passes once: its failures still count once an interval alone."""
AGENT = "ELB-HealthChecker/2.0"


class Prober:
    """Probes in a thread and event loop of its own, so that nothing else delays a verdict."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="elb-probes", daemon=True
        )

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()

    async def _run(self) -> None:
        running: dict[Entry, asyncio.Task[None]] = {}
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": AGENT}) as session:
            while not self._over.is_set():
                running = {entry: task for entry, task in running.items() if not task.done()}
                for entry in targets.to_probe():
                    group = alb._tgs.get(entry.group)
                    if group is not None and entry not in running and _is_due(entry, group):
                        running[entry] = asyncio.create_task(_probe(session, entry, group))
                await asyncio.sleep(LOOK)


def _is_due(entry: Entry, group: dict[str, Any]) -> bool:
    interval = float(group["HealthCheckIntervalSeconds"])
    wait = min(interval, EAGER_SECONDS) if entry.health.state == "initial" else interval
    return time.monotonic() - entry.probed >= wait


async def _probe(session: aiohttp.ClientSession, entry: Entry, group: dict[str, Any]) -> None:
    entry.probed = time.monotonic()
    failure = await _ask(session, entry, group) if group.get("HealthCheckEnabled", True) else None
    interval = float(group["HealthCheckIntervalSeconds"])
    counts = time.monotonic() - entry.counted >= interval
    if counts:
        entry.counted = time.monotonic()
    targets.judge(
        entry,
        failure,
        passes=int(group["HealthyThresholdCount"]),
        failures=int(group["UnhealthyThresholdCount"]),
        counts=counts,
    )


async def _ask(session: aiohttp.ClientSession, entry: Entry, group: dict[str, Any]) -> Health | None:
    """Return why the target is unhealthy, None when it passed."""
    host, port = entry.reach
    if group["HealthCheckPort"] != "traffic-port":
        port = int(group["HealthCheckPort"])
    url = f"http://{host}:{port}{group['HealthCheckPath'] or '/'}"
    timeout = aiohttp.ClientTimeout(total=float(group["HealthCheckTimeoutSeconds"]))
    try:
        async with session.get(url, timeout=timeout, allow_redirects=False) as response:
            if accepts(group["Matcher"]["HttpCode"], response.status):
                return None
            text = f"Health checks failed with these codes: [{response.status}]"
            return Health("unhealthy", "Target.ResponseCodeMismatch", text)
    except TimeoutError:
        return Health("unhealthy", "Target.Timeout", "Request timed out")
    except (aiohttp.ClientError, OSError):
        return Health("unhealthy", "Target.FailedHealthChecks", "Health checks failed")


def accepts(matcher: str, status: int) -> bool:
    """Tell whether a Matcher such as `200`, `200,202` or `200-299` has the status."""
    for part in str(matcher).split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
