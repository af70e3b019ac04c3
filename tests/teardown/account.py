"""Every thing in the emulator, read from its own stores: no API of ours, no tag, no name decides what is listed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws import Aws, connect
from infra.local import engine
from infra.local import settings as files
from infra.local.settings import Settings
from tests.local.cloud import REGION
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
# What AWS too remembers of things that are gone: histories, counters, numbers given out.
HISTORIES = {
    "cloudformation": {"stack_events", "change_sets", "exports"},
    "cloudwatch": {"metrics", "alarm_history", "composite_triggers"},
    "cloudwatch_logs": {"queries"},
    "ecs": {"task_def_latest", "service_deployments", "service_revisions"},
    "rds": {"events"},
    "route53": {"changes", "caller_refs", "hc_caller_refs"},
    "eventbridge": {"buses"},
    "scheduler": {"schedule_groups"},
}
# Tags lie beside the things that carry them, and the emulator forgets to remove some.
TAGS = {"tags", "_tags", "resource_tags", "bucket_tags"}
COUNTED = {"registeredContainerInstancesCount", "runningTasksCount", "activeServicesCount"}
GONE = {
    "PendingDeletion",
    "DELETE_COMPLETE",
    "DELETE_IN_PROGRESS",
    "INACTIVE",
    "STOPPED",
    "deleted",
    "terminated",
}


@dataclass(frozen=True)
class Plane:
    """A control plane that runs, and its door."""

    settings: Settings
    door: int
    process: subprocess.Popen[bytes]

    def aws(self) -> Aws:
        """Return a wall to it."""
        return connect(REGION, endpoint_url=self.settings.endpoint_url)

    def keep(self) -> None:
        """Remember everything as it is."""
        self._ask("/keep", "POST")

    def restore(self) -> None:
        """Bring everything back as it was kept."""
        self._ask("/restore", "POST")

    def set_status(self, stack: str, status: str) -> None:
        """Leave a stack as a failed operation would."""
        self._ask(f"/status/{stack}/{status}", "POST")

    def things(self) -> dict[str, Any]:
        """Return every thing that exists, by store and key, with all that the emulator knows of it."""
        return dict(_things(self._ask("/state", "GET")))

    def _ask(self, path: str, method: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.door}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def start(state: Path) -> Plane:
    """Start a control plane on free ports and wait until it answers."""
    state.mkdir(parents=True)
    name = f"est-test-plane-{free_port()}"
    settings = Settings(name, state, "none", api_port=free_port(), edge_port=free_port())
    files.write(settings, state / "settings.json")
    door = free_port()
    with (state / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.local.plane", "--settings", str(state / "settings.json")]
        process = subprocess.Popen([*command, "--door", str(door)], cwd=ROOT, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not (state / "ready").exists():
        assert process.poll() is None and time.monotonic() < deadline, (state / "server.log").read_text()[
            -2000:
        ]
        time.sleep(0.05)
    return Plane(settings, door, process)


def end(plane: Plane) -> None:
    """End it with everything it has on the engine."""
    plane.process.kill()
    plane.process.wait()
    engine.remove_owned(plane.settings)


def _things(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for service, stores in state.items():
        for store, held in stores.items() if isinstance(stores, dict) else ():
            if store in HISTORIES.get(service, ()) or store in TAGS or _is_setting(service, store):
                continue
            entries = _entries(held)
            for key, value in entries.items():
                if not _is_gone(value) and value not in ([], {}):
                    yield f"{service}/{store}/{key}", _lasting(value)


def _is_setting(service: str, store: str) -> bool:
    """A bucket's settings lie beside it, and the emulator keeps them when it goes; the bucket itself is in `buckets_meta`."""
    return service == "s3" and store.startswith("bucket_")


def _entries(held: Any) -> dict[str, Any]:
    found = held.get("data", held) if isinstance(held, dict) else {}
    return found if isinstance(found, dict) else {}


def _lasting(value: Any) -> Any:
    """A thing without what the emulator counts on it whenever somebody asks."""
    return (
        {key: one for key, one in value.items() if key not in COUNTED} if isinstance(value, dict) else value
    )


def _is_gone(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    words = [value.get(key) for key in ("StackStatus", "KeyState", "status", "Status", "lastStatus")]
    state = value.get("State")
    words.append(state.get("Name") if isinstance(state, dict) else state)
    return any(isinstance(word, str) and word in GONE for word in words)
