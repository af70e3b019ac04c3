"""The log events of containers as CloudWatch Logs keeps them: written a few times a second, within bounds, cheap to save."""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch_logs

from infra.local import pin
from infra.local.ecs.records import scope

EVERY = 0.2
"""Seconds between two writes: a chatty container must not cost a call a line."""
EVENTS_KEPT = 5_000
"""Events of one stream; the oldest go first."""
STREAMS_KEPT = 100
"""Streams of one group; the ones without news for longest go first."""


@dataclass(frozen=True)
class Stream:
    """Where a container's output goes."""

    group: str
    name: str


_lock = threading.Lock()
_writing = threading.Lock()
_waiting: list[tuple[Stream, int, str]] = []


def install() -> None:
    """Save logs without copying every event of every stream first, as MiniStack does."""
    pin.replace("services.cloudwatch_logs.get_state", _state, sha="969fbca606be")


def begin() -> None:
    """Write what waits from now on, for as long as the process lives."""
    threading.Thread(target=_keep_writing, name="ecs-logs", daemon=True).start()


def _keep_writing() -> None:
    with scope():
        while True:
            time.sleep(EVERY)
            flush()


def prepare(target: Stream) -> tuple[int, int]:
    """Make the stream; return the second of its last event and how many events it has of that second, zeros when new."""
    group = cloudwatch_logs._log_groups.get(target.group)
    if group is None:
        return 0, 0
    with _writing:
        streams = group["streams"]
        if target.name not in streams:
            _forget_oldest(streams)
            cloudwatch_logs._create_log_stream({"logGroupName": target.group, "logStreamName": target.name})
        stream = streams[target.name]
        second = int(stream.get("lastEventTimestamp") or 0) // 1000
        return second, sum(event["timestamp"] // 1000 == second for event in stream["events"])


def _forget_oldest(streams: dict[str, Any]) -> None:
    while len(streams) >= STREAMS_KEPT:
        del streams[
            min(streams, key=lambda name: streams[name]["lastIngestionTime"] or streams[name]["creationTime"])
        ]


def add(target: Stream, stamp: int, text: str) -> None:
    """Take in one event; `stamp` in milliseconds."""
    with _lock:
        _waiting.append((target, stamp, text))


def flush() -> None:
    """Write all that waits; return when it can be read."""
    with _writing:
        with _lock:
            taken = _waiting[:]
            _waiting.clear()
        by_stream: dict[Stream, list[dict[str, Any]]] = defaultdict(list)
        ingested = int(time.time() * 1000)
        for target, stamp, text in taken:
            event = {
                "timestamp": stamp,
                "message": text,
                "ingestionTime": ingested,
                "eventId": str(uuid.uuid4()),
            }
            by_stream[target].append(event)
        for target, events in by_stream.items():
            _append(target, events)


def _append(target: Stream, events: list[dict[str, Any]]) -> None:
    """Add events to their stream and to who listens; a group deleted meanwhile swallows them, as on AWS."""
    group = cloudwatch_logs._log_groups.get(target.group)
    stream = group["streams"].get(target.name) if group else None
    if stream is None:
        return
    cloudwatch_logs._append_log_events(stream, events)
    del stream["events"][:-EVENTS_KEPT]
    cloudwatch_logs._fanout_to_subscription_filters(target.group, target.name, events)
    cloudwatch_logs._fanout_to_live_tail_sessions(target.group, target.name, events)


def _state() -> dict[str, Any]:
    """Return what MiniStack's own function returns; events are never changed once made, so their lists are enough of a copy."""
    groups = AccountRegionScopedDict()
    for key, group in cloudwatch_logs._log_groups.all_items():
        streams = {
            name: stream | {"events": list(stream["events"])}
            for name, stream in list(group["streams"].items())
        }
        groups._data[key] = group | {"streams": streams}
    return {"log_groups": groups} | {
        name: getattr(cloudwatch_logs, f"_{name}")
        for name in (
            "destinations",
            "resource_policies",
            "log_group_policies",
            "metric_filters",
            "queries",
            "log_records",
            "delivery_sources",
            "delivery_destinations",
            "deliveries",
        )
    }
