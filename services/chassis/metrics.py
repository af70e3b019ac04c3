"""What a process counts: counters, gauges and histograms, shown as Prometheus reads them. No network, no clock."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, ...]


class Counter:
    """Only grows; one number for each set of labels."""

    kind = "counter"

    def __init__(self, name: str, text: str, labels: Labels = ()) -> None:
        self.name, self.text, self.labels = name, text, labels
        self._values: dict[Labels, float] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str, amount: float = 1) -> None:
        """Add to the number with these labels."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + amount

    def value(self, *labels: str) -> float:
        """Return the number with these labels."""
        return self._values.get(labels, 0)

    def total(self) -> float:
        """Return the sum over all labels."""
        return sum(self._values.values())

    def lines(self) -> Iterator[str]:
        """Yield the samples in Prometheus' text format."""
        for labels, value in sorted(self._values.items()):
            yield f"{self.name}{_shown(self.labels, labels)} {_number(value)}"


class Gauge:
    """Is what `read` says at the moment of asking."""

    kind = "gauge"

    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self.name, self.text, self.read = name, text, read

    def lines(self) -> Iterator[str]:
        """Yield the one sample."""
        yield f"{self.name} {_number(self.read())}"


class Histogram:
    """Counts how many observations were at most as large as each bound, and their sum."""

    kind = "histogram"

    def __init__(
        self, name: str, text: str, labels: Labels = (), *, bounds: Sequence[float] = SECONDS
    ) -> None:
        self.name, self.text, self.labels = name, text, labels
        self._bounds = tuple(bounds)
        self._series: dict[Labels, list[float]] = {}  # a count for each bound and above all, then the sum
        self._lock = threading.Lock()

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation."""
        with self._lock:
            series = self._series.setdefault(labels, [0.0] * (len(self._bounds) + 2))
            series[bisect.bisect_left(self._bounds, value)] += 1
            series[-1] += value

    def count(self, *labels: str) -> int:
        """Return how many observations there were with these labels."""
        return int(sum(self._series.get(labels, [0.0])[:-1]))

    def lines(self) -> Iterator[str]:
        """Yield the samples, with cumulative buckets."""
        for labels, series in sorted(self._series.items()):
            reached = 0.0
            for bound, count in zip([*map(_number, self._bounds), "+Inf"], series[:-1], strict=True):
                reached += count
                shown = _shown((*self.labels, "le"), (*labels, bound))
                yield f"{self.name}_bucket{shown} {_number(reached)}"
            yield f"{self.name}_sum{_shown(self.labels, labels)} {_number(series[-1])}"
            yield f"{self.name}_count{_shown(self.labels, labels)} {_number(reached)}"


Metric = Counter | Gauge | Histogram


def exposition(metrics: Sequence[Metric]) -> str:
    """Return the metrics in Prometheus' text format 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]
        lines += metric.lines()
    return "\n".join(lines) + "\n"


def _shown(names: Labels, values: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
