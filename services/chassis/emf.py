"""CloudWatch's embedded metric format: a log line that becomes metrics, with no agent in between.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

NAMESPACE = "services"
PERIOD = 60.0  # seconds between two lines
SAMPLES = 100  # the format's bound on the values of one metric in one line

log = logging.getLogger("chassis.emf")


def members(
    values: Mapping[str, tuple[str, float | Sequence[float]]], *, dimensions: Mapping[str, str], at: float
) -> dict[str, Any]:
    """Return a line's members: `values` are name -> (unit in CloudWatch's words, a number or up to 100 of them)."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()],
    }
    return {
        "_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **{name: value for name, (_, value) in values.items()},
    }


class Sample:
    """A fair sample of at most SAMPLES of the values seen since it was last taken (reservoir sampling)."""

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._seen = 0

    def add(self, value: float) -> None:
        """See one value."""
        self._seen += 1
        if len(self._kept) < SAMPLES:
            self._kept.append(value)
        elif (place := random.randrange(self._seen)) < SAMPLES:  # noqa: S311 - a sample, not a secret
            self._kept[place] = value

    def take(self) -> list[float]:
        """Return the sample and begin a new one."""
        kept, self._kept, self._seen = self._kept, [], 0
        return kept


class Tally:
    """Counts outcomes and durations of one kind of work; writes them as one line a PERIOD in which there were any."""

    def __init__(
        self,
        name: str,
        *,
        dimensions: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name` begins the metrics' names: `requests` gives requests, requests_failed, requests_milliseconds."""
        self._name = name
        self._dimensions = dimensions
        self._clock = clock
        self._counts = {"": 0, "_failed": 0, "_refused": 0}
        self._milliseconds, self._waited = Sample(), Sample()
        self._written_at = clock()

    def add(
        self, seconds: float, *, failed: bool = False, refused: bool = False, waited: float | None = None
    ) -> None:
        """Count one piece of work, which had waited so many seconds before it began."""
        self._counts[""] += 1
        self._counts["_failed"] += failed
        self._counts["_refused"] += refused
        self._milliseconds.add(round(1000 * seconds, 2))
        if waited is not None:
            self._waited.add(round(1000 * waited, 2))
        if self._clock() - self._written_at >= PERIOD:
            self.write()

    def write(self) -> None:
        """Write what was counted since the last line, if anything was."""
        self._written_at = self._clock()
        if not self._counts[""]:
            return
        counts: dict[str, Any] = {f"{self._name}{end}": ("Count", n) for end, n in self._counts.items()}
        samples = {"_milliseconds": self._milliseconds.take(), "_waited_milliseconds": self._waited.take()}
        durations = {f"{self._name}{end}": ("Milliseconds", kept) for end, kept in samples.items() if kept}
        line = members({**counts, **durations}, dimensions=self._dimensions, at=self._written_at)
        self._counts = dict.fromkeys(self._counts, 0)
        log.info("metrics", extra={"emf": line})
