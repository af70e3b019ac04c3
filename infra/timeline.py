"""When each step of a command began and how it ended, as values that a release record keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.events import Event


@dataclass(frozen=True)
class Span:
    """One step: seconds after the command began. `end` is "done", "failed" or "skipped"; empty where it did not end."""

    step: str
    began: float
    ended: float
    end: str = ""
    text: str = ""


def spans(ends: Iterable[Event], now: float) -> tuple[Span, ...]:
    """Return the steps in the order in which they began; what has not ended reaches until `now`."""
    found: dict[str, Span] = {}
    for event in ends:
        began = found.get(event.step)
        if event.kind == "started" or began is None:
            found[event.step] = Span(event.step, event.seconds, now)
        if event.kind != "started":
            since = began.began if began else event.seconds
            found[event.step] = Span(event.step, since, event.seconds, event.kind, event.text)
    return tuple(found.values())


def spans_json(found: Iterable[Span]) -> list[dict[str, Any]]:
    """The same as JSON values, to a tenth of a second."""
    return [asdict(span) | {"began": round(span.began, 1), "ended": round(span.ended, 1)} for span in found]


def spans_of(record: Mapping[str, Any]) -> tuple[Span, ...]:
    """Read them from a release record; older ones have none."""
    return tuple(Span(**values) for values in record.get("timeline", ()))
