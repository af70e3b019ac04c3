"""A check's result, and a fact that could not be had; values without behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["OK", "SKIP", "FAIL"]


@dataclass(frozen=True)
class Check:
    """What one rule says of one subject. A FAIL has a reason and a fix, a SKIP a reason."""

    name: str
    subject: str
    status: Status
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Unknown:
    """A fact that could not be had, and why; what rests on it is skipped."""

    why: str


def ok(name: str, subject: str, reason: str = "") -> Check:
    """Return a result for what is as it should be."""
    return Check(name, subject, "OK", reason)


def skip(name: str, subject: str, reason: str) -> Check:
    """Return a result for what cannot be told, or does not apply."""
    return Check(name, subject, "SKIP", reason)


def fail(name: str, subject: str, reason: str, fix: str) -> Check:
    """Return a result for what would make a deploy fail."""
    return Check(name, subject, "FAIL", reason, fix)
