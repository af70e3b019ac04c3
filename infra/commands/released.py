"""`releases`: every deploy that was made, and one of them whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.commands.context import Context
from infra.report import table
from infra.state import Releases
from infra.timeline import spans_of

BRIEF = ("release", "verdict", "when", "who", "commit", "seconds", "back_to", "only")


def listed(context: Context) -> list[dict[str, Any]]:
    """Return what tells releases apart, oldest first."""
    releases = Releases(context.bucket, context.config.environment.name)
    return [{key: found.get(key) for key in BRIEF} for found in releases.all()]


def _verdict(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> str:
    """Deploys of an environment take turns, so one that others followed runs no more: it was killed."""
    return "killed" if row["verdict"] == "running" and row is not rows[-1] else str(row["verdict"])


def listed_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The same for a person."""
    return table(
        (
            (row["release"], _verdict(rows, row), row["when"], row["who"], _seconds(row), _remark(row))
            for row in rows
        ),
        ("RELEASE", "VERDICT", "WHEN", "WHO", "SECONDS", ""),
    )


def one(context: Context, release: str) -> dict[str, Any]:
    """Return one record. Raises EstaleiroError when there is none."""
    return Releases(context.bucket, context.config.environment.name).read(release)


def one_text(record: Mapping[str, Any]) -> str:
    """One release for a person: its verdict, its steps with their seconds, and what failed."""
    lines = [f"release {record['release']}: {record['verdict']}, {record['when']} by {record['who']}"]
    lines += [f"commit {record['commit']}"] if record.get("commit") else []
    lines += [_remark(record)] if _remark(record) else []
    rows = [
        (span.step, span.end or "no end", f"{span.began:.1f}", f"{span.ended - span.began:.1f}")
        for span in spans_of(record)
    ]
    lines += ["", table(rows, ("STEP", "END", "BEGAN", "TOOK"))] if rows else []
    failures = record.get("failures", {})
    lines += ["", *(f"{step}: {text}" for step, text in failures.items())] if failures else []
    return "\n".join(lines)


def _seconds(row: Mapping[str, Any]) -> str:
    return "" if row.get("seconds") is None else f"{row['seconds']:.0f}"


def _remark(row: Mapping[str, Any]) -> str:
    back = f"back to {row['back_to']}" if row.get("back_to") else ""
    return back or (f"{row['only']} alone" if row.get("only") else "")
