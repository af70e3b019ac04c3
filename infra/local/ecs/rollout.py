"""Which tasks a service starts and stops next; a pure function of what runs, so that every rule of a rollout is a test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One task of a service that has not stopped: `current` when the primary deployment made it and its host stays."""

    arn: str
    current: bool
    healthy: bool
    leaving: bool = False
    created: float = 0.0


@dataclass(frozen=True)
class Bounds:
    """How few healthy tasks and how many tasks at all a service may have."""

    lower: int
    upper: int


@dataclass(frozen=True)
class Step:
    """How many tasks to start now, and the ARNs of those to stop now."""

    start: int
    stop: tuple[str, ...]


def bounds(desired: int, *, minimum: int, maximum: int) -> Bounds:
    """Return the bounds from percentages: minimumHealthyPercent rounds up, maximumPercent down (DeploymentConfiguration)."""
    return Bounds(math.ceil(desired * minimum / 100), desired * maximum // 100)


def step(members: Sequence[Member], desired: int, bounds: Bounds, *, may_start: bool = True) -> Step:
    """Return the next step.

    New tasks come first, as far as the upper bound lets them; old ones go as new ones get healthy, or earlier to make
    room, never below the lower bound. An old task that is not healthy holds nothing up and goes at once.
    """
    staying = [member for member in members if not member.leaving]
    new = [member for member in staying if member.current]
    old = [member for member in staying if not member.current]
    wanted = max(0, desired - len(new)) if may_start else 0
    start = min(wanted, max(0, bounds.upper - len(members)))
    surplus = _first_to_go(new)[: max(0, len(new) - desired)]
    old_healthy = [member for member in _first_to_go(old) if member.healthy]
    new_healthy = sum(member.healthy for member in new if member not in surplus)
    spare = max(0, new_healthy + len(old_healthy) - bounds.lower)
    replaced = max(0, new_healthy + len(old_healthy) - desired)
    unhealthy = [member for member in old if not member.healthy]
    making_room = max(0, wanted - start - len(unhealthy))
    going = old_healthy[: min(spare, max(replaced, making_room))]
    return Step(start, tuple(member.arn for member in [*surplus, *unhealthy, *going]))


def _first_to_go(members: Sequence[Member]) -> list[Member]:
    """Sort unhealthy first, then the youngest."""
    return sorted(members, key=lambda member: (member.healthy, -member.created))


def is_done(members: Sequence[Member], desired: int, *, early: int | None = None) -> bool:
    """Tell whether a rollout is complete: all new tasks healthy and no old one left; with `early`, that many healthy."""
    healthy = sum(member.current and member.healthy and not member.leaving for member in members)
    if early is not None:
        return healthy >= early
    return healthy >= desired and all(member.current and not member.leaving for member in members)
