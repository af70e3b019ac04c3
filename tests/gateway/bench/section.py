"""The gateway's section of BENCHMARKS.md, from what was measured. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests import bench_page


@dataclass(frozen=True)
class Speed:
    """Requests a second and processor time for one (µs) with 16 connections; median and 99th percentile with one (µs)."""

    rate: float
    cpu: float
    median: float
    tail: float


@dataclass(frozen=True)
class Measured:
    """One door: its speed with repeated and with fresh values, what it blocked of each list (per cent), the score if any."""

    door: str
    repeated: Speed
    fresh: Speed
    attacks: float | None = None
    ordinary: float | None = None
    score: str | None = None


def best(rounds: Sequence[Speed]) -> Speed:
    """Return the best figure of each kind: what else the machine did only ever makes them worse."""
    return Speed(
        max(one.rate for one in rounds),
        min(one.cpu for one in rounds),
        min(one.median for one in rounds),
        min(one.tail for one in rounds),
    )


def section(
    doors: Sequence[Measured], *, seconds: int, rounds: int, image_bytes: int, began: str, ended: float
) -> str:
    """Return the section's text. The first door is the bare proxy, the second the gateway, the last the reference."""
    bare, gateway, reference = doors[0], doors[1], doors[-1]
    speeds = bench_page.table(
        ("door, one worker", "values", "requests/s", "processor time", "median", "99 %", "added median"),
        [
            row
            for one in doors
            for row in (
                _speed(one.door, "repeated", one.repeated, bare.repeated),
                _speed("", "fresh", one.fresh, bare.fresh),
            )
        ],
    )
    shares = bench_page.table(
        ("door", "own attacks blocked", "own ordinary traffic blocked", "scored: blocked / passed"),
        [
            (one.door, f"{one.attacks:.1f} %", f"{one.ordinary:.2f} %", one.score or "not asked for")
            for one in doors
            if one.attacks is not None
        ],
    )
    return f"""## The firewall and its reference

`make bench-gateway`: one nginx worker each, the same requests in one run; best of {rounds} rounds of {seconds} s. Rate and
processor time are those of 16 connections, latencies those of one. Fresh values differ from request to request, so that nothing
that was looked at before helps; one word in ten has an accent. The bare proxy keeps its connections to the same service.
{began} At the end the load average was {ended:.1f}.

{speeds}

That is {_times(gateway.repeated, reference.repeated)} times the reference's rate with repeated values and
{_times(gateway.fresh, reference.fresh)} times with fresh ones.
The gateway's image has {image_bytes / 1e6:.0f} MB, all layers, uncompressed.

{shares}"""


def _times(one: Speed, other: Speed) -> str:
    return f"{one.rate / other.rate:.1f}"


def _speed(door: str, values: str, one: Speed, bare: Speed) -> tuple[str, ...]:
    added = "" if one is bare else f"{one.median - bare.median:+.0f} µs"
    return (
        door,
        values,
        f"{one.rate:,.0f}",
        f"{one.cpu:.0f} µs",
        f"{one.median:.0f} µs",
        f"{one.tail:,.0f} µs",
        added,
    )
