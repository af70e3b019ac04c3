"""The targets of every target group: their health, how many requests they hold, and when a deregistered one is drained.

Any thread may call in here; MiniStack's list of targets is kept in step, so that they are saved with its state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from ministack.services import alb

from infra.local import persistence
from infra.local.elb import routes

DEFAULT_DELAY = "300"
USE_FRESH_SECONDS = 0.25


@dataclass(frozen=True)
class Target:
    """A target as the API names it: an instance id or an address, and a port."""

    id: str
    port: int


@dataclass(frozen=True)
class Health:
    """TargetHealth: `initial`, `healthy`, `unhealthy`, `draining` or `unused`, with ELB's reason code and words."""

    state: str
    reason: str = ""
    description: str = ""


REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
HEALTHY = Health("healthy")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
UNUSED = Health(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")


class Entry:
    """One target's state; changed under the registry's lock alone."""

    def __init__(self, group: str, target: Target, reach: tuple[str, int]) -> None:
        self.group = group
        self.target = target
        self.reach = reach
        self.health = REGISTERING
        self.in_flight = 0
        self.passes = 0
        self.failures = 0
        self.drains_until: float | None = None
        self.probed = 0.0
        self.counted = time.monotonic()


_LOCK = threading.Lock()
_entries: dict[str, dict[Target, Entry]] = {}
_turn: dict[str, int] = {}
_used: list[tuple[float, set[str]]] = []


def register(group: str, target: Target, *, reach: tuple[str, int]) -> None:
    """Add a target that is reached at `reach` (host, port); one that is there already keeps its health."""
    with _LOCK:
        known = _entries.setdefault(group, {})
        entry = known.get(target)
        if entry is None or entry.drains_until is not None:
            known[target] = Entry(group, target, reach)
        else:
            entry.reach = reach
        saved = alb._targets.setdefault(group, [])
        if _saved(target) not in saved:
            saved.append(_saved(target))
    persistence.touch("elasticloadbalancing")


def _saved(target: Target) -> dict[str, Any]:
    return {"Id": target.id, "Port": target.port}


def deregister(group: str, target: Target) -> None:
    """Give the target no new request from now on; it drains until `is_drained`."""
    with _LOCK:
        entry = _entries.get(group, {}).get(target)
        if entry is not None and entry.drains_until is None:
            entry.health = DRAINING
            entry.drains_until = time.monotonic() + _delay(group)
        alb._targets[group] = [item for item in alb._targets.get(group, []) if item != _saved(target)]
    persistence.touch("elasticloadbalancing")


def _delay(group: str) -> float:
    key = "deregistration_delay.timeout_seconds"
    return float(routes.attribute(alb._tg_attrs.get(group) or [], key, DEFAULT_DELAY))


def is_drained(group: str, target: Target) -> bool:
    """Tell whether a deregistered target has no request in flight, or its delay is over; it is then forgotten."""
    with _LOCK:
        entry = _entries.get(group, {}).get(target)
        if entry is None:
            return True
        if entry.drains_until is None or (entry.in_flight and time.monotonic() < entry.drains_until):
            return False
        del _entries[group][target]
        return True


def is_idle_for_good(entry: Entry) -> bool:
    """Tell whether the target is deregistered and holds no request, so that its connections can be closed."""
    with _LOCK:
        forgotten = _entries.get(entry.group, {}).get(entry.target) is not entry
        return not entry.in_flight and (forgotten or entry.drains_until is not None)


def pick(group: str, *, besides: AbstractSet[Target] = frozenset()) -> Entry | None:
    """Return a healthy target in turn, one request more in flight on it; `done` must follow."""
    with _LOCK:
        healthy = [
            entry
            for entry in _entries.get(group, {}).values()
            if entry.health is HEALTHY and entry.target not in besides
        ]
        if not healthy:
            return None
        turn = _turn[group] = _turn.get(group, -1) + 1
        chosen = healthy[turn % len(healthy)]
        chosen.in_flight += 1
        return chosen


def done(entry: Entry) -> None:
    """The request on the target is over."""
    with _LOCK:
        entry.in_flight -= 1


def health(group: str, target: Target) -> Health:
    with _LOCK:
        entry = _entries.get(group, {}).get(target)
    if entry is None:
        return NOT_REGISTERED
    if entry.drains_until is None and not is_used(group):
        return UNUSED
    return entry.health


def of(group: str) -> list[tuple[Target, Health]]:
    """Return the group's targets, draining ones too."""
    with _LOCK:
        known = list(_entries.get(group, {}))
    return [(target, health(group, target)) for target in known]


def is_used(group: str) -> bool:
    """Tell whether a listener forwards to the group."""
    moment = time.monotonic()
    if not _used or moment - _used[0][0] > USE_FRESH_SECONDS or group not in _used[0][1]:
        _used[:] = [(moment, routes.groups_in_use())]
    return group in _used[0][1]


def to_probe() -> list[Entry]:
    """Return the targets that health checks look at; deregistered ones that are drained go on the way."""
    with _LOCK:
        for group in [group for group in _entries if group not in alb._tgs]:
            del _entries[group]
        entries = [entry for known in _entries.values() for entry in known.values()]
    for entry in entries:
        if entry.drains_until is not None:
            is_drained(entry.group, entry.target)
    return [entry for entry in entries if entry.drains_until is None and is_used(entry.group)]


def judge(entry: Entry, failure: Health | None, *, passes: int, failures: int, counts: bool) -> None:
    """Take in one probe: None passed.

    A new target is healthy at its first pass; an unhealthy one after `passes` in a row. A failure `counts` once an
    interval, first one interval after registration; `failures` in a row make a target unhealthy (Health checks for
    Application Load Balancer target groups).
    """
    with _LOCK:
        if entry.drains_until is not None:
            return
        if failure is None:
            entry.passes, entry.failures = entry.passes + 1, 0
            if entry.health.state == "initial" or entry.passes >= passes:
                entry.health = HEALTHY
            return
        entry.passes = 0
        entry.failures += counts
        if entry.failures >= failures or entry.health.state == "unhealthy":
            entry.health = failure
        elif entry.health is REGISTERING:
            entry.health = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")


def restore(reach: Any) -> None:
    """Take over the targets in MiniStack's saved state that nobody has registered since; `reach` finds (host, port)."""
    for group, saved in alb._targets.items():
        for item in saved:
            target = Target(item["Id"], int(item.get("Port") or alb._tgs.get(group, {}).get("Port", 80)))
            if target not in _entries.get(group, {}):
                register(group, target, reach=reach(target))
