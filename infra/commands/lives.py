"""The environments of an account as text: strings out, and one place prints them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.commands.lifetimes import Due
from infra.lifetimes import ago
from infra.report import table


def overview_text(found: Sequence[dict[str, Any]], now: datetime) -> str:
    """One line an environment: its age, owner, cost and end."""
    if not found:
        return "there is no environment in this account"
    rows = (
        (
            one["environment"] + (f" (like {one['like']})" if one["like"] else ""),
            ago(now - one["created"]) if one["created"] else "?",
            one["owner"] or "?",
            one["state"] + (", protected" if one["protected"] else ""),
            "?" if one["monthly_cost"] is None else f"{one['monthly_cost']:.2f}",
            _end(one["expires"], now),
        )
        for one in found
    )
    return table(rows, ("ENVIRONMENT", "AGE", "OWNER", "STATE", "USD A MONTH", "ENDS"))


def reaped_line(due: Due, acted: bool) -> str:
    """One line of `reap`: what is due and what came of it."""
    marks = {"reap": "ends now" if acted else "has ended", "warn": "ENDS SOON", "keep": "stays"}
    did = f": {due.did}" if due.did else ""
    return f"{due.verdict.environment}  {marks[due.verdict.action]}  ({due.verdict.why}){did}"


def _end(expires: datetime | None, now: datetime) -> str:
    if expires is None:
        return "never"
    return f"{expires:%Y-%m-%d %H:%M} UTC" if expires > now else f"ended {ago(now - expires)} ago"
