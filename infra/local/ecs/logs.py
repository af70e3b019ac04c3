"""A container's output on its way to CloudWatch Logs: every line, in order, all of it there when the task has stopped."""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import docker.errors
from ministack.services import cloudwatch_logs

from infra.local import engine
from infra.local.ecs import log_store
from infra.local.ecs.log_store import Stream
from infra.local.ecs.records import scope

log = logging.getLogger("estaleiro.local.logs")

FLUSH_SECONDS = 60.0
LONGEST_EVENT = 262_118
"""Bytes of one event: 256 KiB less the 26 that PutLogEvents counts for each."""


class GroupMissing(Exception):
    """The log group of a definition does not exist."""


def stream(container: Mapping[str, Any], task_id: str, docker_id: str) -> Stream | None:
    """Return the stream `<prefix>/<container>/<task id>`, None when the log driver is not awslogs."""
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    if configuration.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    prefix = options.get("awslogs-stream-prefix")
    name = f"{prefix}/{container['name']}/{task_id}" if prefix else docker_id
    return Stream(options["awslogs-group"], name)


def ensure_group(container: Mapping[str, Any]) -> None:
    """Make the group when the definition says `awslogs-create-group`; raise `GroupMissing` when it is not there."""
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    group = options.get("awslogs-group")
    if configuration.get("logDriver") != "awslogs" or not group or group in cloudwatch_logs._log_groups:
        return
    if str(options.get("awslogs-create-group", "")).lower() != "true":
        raise GroupMissing("ResourceNotFoundException: The specified log group does not exist.")
    cloudwatch_logs._create_log_group({"logGroupName": group})


@dataclass(frozen=True)
class Line:
    """One line of output; `stamp` in milliseconds; `ended` is false for what the output broke off with."""

    stamp: int
    text: str
    ended: bool = True


class Follower:
    """Copies one container's output until it ends, going on where the stream's last event is.

    It remembers the second of the last event and how many lines of that second it has: from there the engine is read again,
    after a restart, and once more at the end, because its stream may break off before the last lines.
    """

    def __init__(self, docker_id: str, target: Stream) -> None:
        self._docker_id = docker_id
        self._target = target
        self._second, self._count = 0, 0
        name = f"logs-{docker_id[:12]}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Copy what is left of the stopped container's output; return when all of it can be read."""
        self._thread.join(FLUSH_SECONDS)
        if self._thread.is_alive():
            log.warning(
                "the engine still sends output of container %s, which has ended", self._docker_id[:12]
            )
        else:
            with scope(), contextlib.suppress(docker.errors.NotFound):
                self._copy(follow=False)
        log_store.flush()

    def _run(self) -> None:
        with scope():
            self._second, self._count = log_store.prepare(self._target)
            try:
                self._copy(follow=True)
            except docker.errors.NotFound:
                return
            except Exception:
                log.exception("the output of container %s is no longer followed", self._docker_id[:12])

    def _copy(self, *, follow: bool) -> None:
        known = self._count
        frames = engine.client().api.logs(
            self._docker_id, stream=True, follow=follow, timestamps=True, since=self._second or None
        )
        for number, line in enumerate(lines(frames)):
            if follow and not line.ended:
                return
            if number >= known:
                self._take(line)

    def _take(self, line: Line) -> None:
        second = line.stamp // 1000
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        log_store.add(self._target, line.stamp, line.text)


def lines(frames: Iterator[bytes]) -> Iterator[Line]:
    """Yield the lines of the engine's timestamped frames; a long line comes in several frames."""
    stamp, parts = 0, b""
    for frame in frames:
        first, _, rest = frame.partition(b" ")
        if not parts:
            stamp = _milliseconds(first.decode())
        parts += rest
        if parts.endswith(b"\n") or len(parts) >= LONGEST_EVENT:
            yield Line(stamp, parts.rstrip(b"\r\n").decode(errors="replace"))
            parts = b""
    if parts:
        yield Line(stamp, parts.decode(errors="replace"), ended=False)


def _milliseconds(text: str) -> int:
    """Read RFC 3339 with nanoseconds, as the engine writes it."""
    moment = datetime.datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00")
    return int(moment.timestamp() * 1000)
