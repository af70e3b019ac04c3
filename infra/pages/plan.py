"""A plan as a page: what is replaced or removed first, then every step, then what it means."""

from __future__ import annotations

from collections.abc import Iterator

from infra.differences import ResourceChange
from infra.outlook.meaning import Outlook
from infra.outlook.report import outlook_lines
from infra.pages.html import escape, page, pre, section, table
from infra.report import amount, step_text
from infra.steps import DeleteStack, Plan, UpdateStack

_KINDS = {"replace": "bad", "remove": "bad", "change": "warn", "add": "good"}
_LOUD = ("replace", "remove")


def plan_page(plan: Plan, outlook: Outlook | None = None) -> str:
    """Return the page."""
    count = "nothing to do" if plan.empty else amount(len(plan.steps), "step")
    meaning = outlook_lines(outlook, empty=plan.empty) if outlook else []
    return page(
        f"Plan of {plan.environment}: {count}",
        [
            section("Replaced or removed", _loud(plan)),
            section("Steps", steps_table(plan)),
            section("Changes of resources", *_stacks(plan)),
            section("What it means", pre("\n".join(meaning)) if meaning else ""),
        ],
        lead="<p>Everything is as the files say.</p>" if plan.empty else "",
    )


def steps_table(plan: Plan) -> str:
    """Return every step with what it waits for."""
    rows = (
        [
            escape(step_text(step)),
            escape(", ".join(sorted(step.needs))) or '<span class="quiet">nothing</span>',
        ]
        for step in plan.steps
    )
    return table("Each step begins when what it waits for is done", ("Step", "Waits for"), rows)


def _loud(plan: Plan) -> str:
    rows = [
        [
            _word(change),
            escape(f"{step.stack.name} {change.logical_id}"),
            escape(change.type),
            _because(change),
        ]
        for step in plan.steps
        if isinstance(step, UpdateStack)
        for change in step.changes
        if change.action in _LOUD
    ]
    rows += [
        [
            '<span class="bad">remove</span>',
            escape(step.name),
            "the whole stack",
            "its service left services/",
        ]
        for step in plan.steps
        if isinstance(step, DeleteStack)
    ]
    return table("What is made anew or goes away", ("What", "Resource", "Type", "Because of"), rows)


def _stacks(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        if isinstance(step, UpdateStack) and (step.changes or step.unknown):
            rows = [row for change in _loudest_first(step.changes) for row in _rows(change)]
            rows += [[escape(name), "parameter", "", "", "known after deploy"] for name in step.unknown]
            yield table(step.stack.name, ("Resource", "Change", "Property", "Before", "After"), rows)


def _rows(change: ResourceChange) -> Iterator[list[str]]:
    name = f"{escape(change.logical_id)}<br><span class='quiet'>{escape(change.type)}</span>"
    word = _word(change) + (" (may be replaced)" if change.may_replace else "")
    if not change.properties:
        yield [name, word, "", "", ""]
    for item in change.properties:
        forces = "<br>forces replacement" if item.replaces else ""
        yield [name, word + forces, escape(item.path), _value(item.before), _value(item.after)]


def _value(text: str | None) -> str:
    return '<span class="quiet">(none)</span>' if text is None else f"<code>{escape(text)}</code>"


def _word(change: ResourceChange) -> str:
    return f'<span class="{_KINDS[change.action]}">{change.action}</span>'


def _because(change: ResourceChange) -> str:
    return escape(", ".join(dict.fromkeys(one.path for one in change.properties if one.replaces)))


def _loudest_first(changes: tuple[ResourceChange, ...]) -> list[ResourceChange]:
    order = list(_KINDS)
    return sorted(changes, key=lambda change: (order.index(change.action), change.logical_id))
