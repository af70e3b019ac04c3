"""The outlook of a plan and a bill as text and as JSON values; it returns strings, and one place prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from infra.checks.model import Unknown
from infra.outlook.cost import Bill
from infra.outlook.meaning import Outlook


def outlook_lines(outlook: Outlook, *, empty: bool) -> list[str]:
    """Return what a plan says beside its steps; of an empty plan, drift alone."""
    lines = list(_drift(outlook))
    return lines if empty else [*_images(outlook), *_upgrades(outlook), *lines, *_cost(outlook)]


def outlook_json(outlook: Outlook) -> dict[str, Any]:
    """The same as a JSON value: cost, images, migrations, drift."""
    return {
        "cost": {"before": bill_json(outlook.before), "after": bill_json(outlook.after)},
        "images": [asdict(one) for one in outlook.images],
        "migrations": [
            {
                "service": one.service,
                "pending": None
                if isinstance(one.revisions, Unknown)
                else [asdict(rev) for rev in one.revisions],
            }
            for one in outlook.upgrades
        ],
        "drift": None
        if isinstance(outlook.drift, Unknown)
        else {part: [asdict(one) for one in found] for part, found in outlook.drift.items() if found},
    }


def bill_json(bill: Bill | None) -> dict[str, Any] | None:
    """A bill as a JSON value: items, dollars, most, date, region, unpriced."""
    if bill is None:
        return None
    return asdict(bill) | {"dollars": bill.dollars, "unpriced": list(bill.unpriced)}


def bill_text(environment: str, bill: Bill) -> str:
    """A whole bill, a line a kind, the dearest first."""
    lines = [
        f"{environment}: {_money(bill.dollars)} a month ({bill.region}, prices of {bill.date}, without traffic)"
    ]
    for item in bill.items:
        count = f"{item.count:g}"
        price = "no price known" if item.each is None else _money(item.dollars)
        lines.append(f"  {price:>12}  {count:>6} {item.what}")
    if bill.most > bill.dollars:
        lines.append(f"  {_money(bill.most):>12}  with every host that scaling may add")
    return "\n".join(lines)


def _images(outlook: Outlook) -> Iterator[str]:
    if outlook.images:
        yield "images"
    changes: dict[tuple[str | None, str], list[str]] = {}
    for one in outlook.images:
        changes.setdefault((one.before, one.after), []).append(one.task)
    for (before, after), tasks in changes.items():
        yield f"  {before or '(none)'} -> {after}: {', '.join(tasks)}"


def _upgrades(outlook: Outlook) -> Iterator[str]:
    if outlook.upgrades:
        yield "migrations"
    for one in outlook.upgrades:
        if isinstance(one.revisions, Unknown):
            yield f"  {one.service}: {one.revisions.why} (`migrate --status`)"
        elif not one.revisions:
            yield f"  {one.service}: none pending"
        for revision in () if isinstance(one.revisions, Unknown) else one.revisions:
            yield f"  {one.service}: {revision.id} {revision.title}"


def _drift(outlook: Outlook) -> Iterator[str]:
    if isinstance(outlook.drift, Unknown):
        return
    found = {part: drifts for part, drifts in sorted(outlook.drift.items()) if drifts}
    if found:
        yield "changed by hand since the last deploy"
    for part, drifts in found.items():
        for one in drifts:
            yield f"  {part} {one.logical_id} ({one.type}): {one.status}"
            yield from (f"      {difference}" for difference in one.differences)


def _cost(outlook: Outlook) -> Iterator[str]:
    if outlook.after is None:
        return
    before = outlook.before.dollars if outlook.before else 0.0
    after = outlook.after
    difference = after.dollars - before
    change = (
        "as before"
        if abs(difference) < 0.005
        else f"{'+' if difference > 0 else '-'}{_money(abs(difference))}"
    )
    up_to = f", up to {_money(after.most)} with all hosts" if after.most > after.dollars else ""
    yield f"cost a month: {_money(before)} -> {_money(after.dollars)} ({change}){up_to}"
    yield f"  prices of {after.date} in {after.region}, without traffic and usage"
    if after.unpriced:
        yield f"  not counted, no price is known: {', '.join(after.unpriced)}"


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}"
