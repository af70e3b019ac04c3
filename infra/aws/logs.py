"""Log groups: what was said, newest kept apart from old; a group or stream that is not there has said nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.aws.client import Client, MakeClient
from infra.aws.waiting import Sleep
from infra.errors import NotFound

# Lines of several streams arrive a little out of order, so following looks back this far each time.
OVERLAP_MS = 10_000
_STREAMS_AT_ONCE = 100  # FilterLogEvents, logStreamNames


@dataclass(frozen=True)
class LogEvent:
    """One line. `time_ms` is when it was said, in milliseconds since the epoch, UTC."""

    time_ms: int
    stream: str
    message: str
    id: str = field(default="", compare=False)


class Logs:
    """CloudWatch Logs."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("logs", make)

    def events(
        self,
        group: str,
        *,
        streams: Sequence[str] | None = None,
        prefix: str | None = None,
        start_ms: int = 0,
        end_ms: int | None = None,
        pattern: str = "",
        limit: int = 10_000,
    ) -> tuple[LogEvent, ...]:
        """Return at most `limit` lines, oldest first: of `streams`, or of those that begin with `prefix`, or of all.

        An empty `streams` has no lines. A stream that is not there yet hides none of the others.
        """
        more: dict[str, Any] = {"startTime": start_ms}
        more |= {"endTime": end_ms} if end_ms is not None else {}
        more |= {"filterPattern": pattern} if pattern else {}
        if streams is None:
            more |= {"logStreamNamePrefix": prefix} if prefix else {}
            return self._filtered(group, limit, more)
        try:
            if len(streams) <= _STREAMS_AT_ONCE:
                return self._filtered(
                    group, limit, more | {"logStreamNames": list(streams)}, missing_ok=False
                )
        except NotFound:
            pass
        each = (self._filtered(group, limit, more | {"logStreamNames": [stream]}) for stream in streams)
        found = sorted((event for events in each for event in events), key=lambda event: event.time_ms)
        return tuple(found[:limit])

    def follow(
        self,
        group: str,
        *,
        streams: Sequence[str] | None = None,
        prefix: str | None = None,
        since_ms: int,
        sleep: Sleep,
        done: Callable[[], bool] = lambda: False,
    ) -> Iterator[LogEvent]:
        """Yield each line once as it comes, from `since_ms` on, asking every second until `done` says so."""
        shown: dict[str, int] = {}
        newest = since_ms
        while True:
            last_look = done()
            for event in self.events(
                group, streams=streams, prefix=prefix, start_ms=max(since_ms, newest - OVERLAP_MS)
            ):
                newest = max(newest, event.time_ms)
                if event.id not in shown:
                    shown[event.id] = event.time_ms
                    yield event
            shown = {event: time for event, time in shown.items() if time >= newest - OVERLAP_MS}
            if last_look:
                return
            sleep(1.0)

    def tail(self, group: str, stream: str, lines: int) -> tuple[str, ...]:
        """Return the last lines of one stream, oldest first."""
        messages: list[str] = []
        token: dict[str, str] = {}
        # A page may be empty although there are older lines (GetLogEvents): the same token twice is the end.
        for _ in range(5):
            try:
                page = self._client.call(
                    "get_log_events",
                    logGroupName=group,
                    logStreamName=stream,
                    startFromHead=False,
                    limit=lines,
                    **token,
                )
            except NotFound:
                return ()
            messages = [event["message"] for event in page.get("events") or ()] + messages
            older = page.get("nextBackwardToken")
            if len(messages) >= lines or not older or token == {"nextToken": older}:
                break
            token = {"nextToken": older}
        return tuple(messages[-lines:])

    def groups(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names of the log groups that begin with `prefix`."""
        more = {"logGroupNamePrefix": prefix} if prefix else {}
        return tuple(
            entry["logGroupName"] for entry in self._client.items("describe_log_groups", "logGroups", **more)
        )

    def delete_group(self, group: str) -> None:
        """Delete a log group with all it holds; none is fine."""
        try:
            self._client.call("delete_log_group", logGroupName=group)
        except NotFound:
            return

    def _filtered(
        self, group: str, limit: int, more: dict[str, Any], *, missing_ok: bool = True
    ) -> tuple[LogEvent, ...]:
        names = more.get("logStreamNames")
        if names == []:
            return ()
        found: list[LogEvent] = []
        try:
            for entry in self._client.items("filter_log_events", "events", logGroupName=group, **more):
                if len(found) == limit:
                    break
                # Emulators do not all know the prefix, so it is held to here as well.
                if entry["logStreamName"].startswith(more.get("logStreamNamePrefix", "")):
                    found.append(_event(entry))
        except NotFound:
            if not missing_ok:
                raise
        return tuple(sorted(found, key=lambda event: event.time_ms))


def _event(entry: dict[str, Any]) -> LogEvent:
    return LogEvent(
        time_ms=entry["timestamp"],
        stream=entry["logStreamName"],
        message=entry["message"],
        id=entry.get("eventId") or f"{entry['logStreamName']}/{entry['timestamp']}/{entry['message']}",
    )
