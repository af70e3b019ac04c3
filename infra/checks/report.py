"""Checks as a tree for people and as a JSON value; it returns strings, and one place prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from infra.checks.model import Check

_INDENT = " " * 10


def checks_text(environment: str, checks: Sequence[Check]) -> str:
    """Every check under its name, with reason and fix."""
    lines = [f"{environment}: {_summary(checks)}"]
    for name, group in groupby(checks, key=lambda check: check.name):
        lines.append(f"  {name}")
        for check in group:
            lines.extend(_lines(check))
    return "\n".join(lines)


def checks_json(environment: str, checks: Sequence[Check]) -> dict[str, Any]:
    """The same as a JSON value: environment, ok, checks."""
    return {
        "environment": environment,
        "ok": not any(check.status == "FAIL" for check in checks),
        "checks": [asdict(check) for check in checks],
    }


def failed_text(environment: str, failed: Iterable[Check]) -> str:
    """What failed and how to mend it, for the last lines that a command prints."""
    failed = tuple(failed)
    checks = "check fails" if len(failed) == 1 else "checks fail"
    lines = [f"{environment}: {len(failed)} {checks}"]
    for check in failed:
        lines += [f"  {check.name} {check.subject}: {check.reason}", f"    fix: {check.fix}"]
    return "\n".join(lines)


def _summary(checks: Sequence[Check]) -> str:
    counted = Counter(check.status for check in checks)
    return f"{len(checks)} checks: {counted['OK']} OK, {counted['SKIP']} SKIP, {counted['FAIL']} FAIL"


def _lines(check: Check) -> Iterable[str]:
    if check.status != "FAIL":
        yield f"    {check.status:<4}  {check.subject}" + (f": {check.reason}" if check.reason else "")
        return
    yield f"    FAIL  {check.subject}"
    yield f"{_INDENT}{check.reason}"
    yield f"{_INDENT}fix: {check.fix}"
