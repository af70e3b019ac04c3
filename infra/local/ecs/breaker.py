"""When a deployment has failed: the circuit breaker's threshold, and the pause before the next try of what keeps failing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LONGEST_PAUSE = 60.0
FREE_TRIES = 2


def settings(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the service's `deploymentCircuitBreaker`, empty when it has none."""
    configuration = service.get("deploymentConfiguration") or {}
    found: Mapping[str, Any] = configuration.get("deploymentCircuitBreaker") or {}
    return found


def is_on(service: Mapping[str, Any]) -> bool:
    return bool(settings(service).get("enable"))


def threshold(service: Mapping[str, Any]) -> int:
    """Return how many failures make a deployment fail (ThresholdConfiguration).

    COUNT is the value itself; a percentage is of the desired count, rounded up; BOUNDED_PERCENT, the default with 50,
    stays within 3 and 200.
    """
    configuration = settings(service).get("thresholdConfiguration") or {}
    kind, value = configuration.get("type", "BOUNDED_PERCENT"), configuration.get("value", 50)
    if kind == "COUNT":
        return max(1, int(value))
    share = math.ceil(float(value) * int(service.get("desiredCount", 0)) / 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def resets_on_healthy_task(service: Mapping[str, Any]) -> bool:
    return bool(settings(service).get("resetOnHealthyTask", True))


def pause(failures: int) -> float:
    """Return the seconds to wait after `failures` failed tasks in a row: none for the first two, then 1, 2, 4 … 60."""
    if failures <= FREE_TRIES:
        return 0.0
    return float(min(LONGEST_PAUSE, 2.0 ** min(failures - FREE_TRIES - 1, 10)))
