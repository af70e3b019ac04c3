"""Events, plans and tables as text and as JSON values; it returns strings, and one place prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from infra.differences import ResourceChange
from infra.events import Event
from infra.outlook.meaning import Outlook
from infra.outlook.report import outlook_json, outlook_lines
from infra.steps import (
    AwaitHosts,
    CreateStack,
    DeleteStack,
    Judge,
    Plan,
    PushImage,
    RefreshHosts,
    RunTask,
    SmokeTest,
    Step,
    UpdateStack,
)

_MARKS = {"add": "+", "change": "~", "replace": "!", "remove": "-"}
_WORDS = {
    "started": "…",
    "progress": "·",
    "log": "|",
    "done": "ok",
    "failed": "FAILED",
    "skipped": "skipped",
    "warning": "!",
}


def event_line(event: Event) -> str:
    """One line of progress: seconds, step, what happened; of a failure the first line, the rest comes at the end."""
    shown = event.text.partition("\n")[0] if event.kind == "failed" else event.text
    text = "".join(f" {part}" for part in (event.about, shown) if part)
    return f"{event.seconds:6.1f}s  {event.step:<28} {_WORDS[event.kind]}{text}"


def event_json(event: Event) -> dict[str, Any]:
    """The same as a JSON value."""
    return asdict(event)


def plan_text(plan: Plan, outlook: Outlook | None = None) -> str:
    """The whole plan for a person: what is replaced or removed first of all, then each stack, then what it means."""
    more = outlook_lines(outlook, empty=plan.empty) if outlook else []
    if plan.empty:
        return "\n".join([f"{plan.environment}: nothing to do; everything is as the files say.", *more])
    lines = [f"{plan.environment}: {amount(len(plan.steps), 'step')}", *_loud(plan)]
    for step in plan.steps:
        lines.append(f"  {step_text(step)}")
        for change in _loudest_first(step.changes if isinstance(step, UpdateStack) else ()):
            lines.extend(f"      {line}" for line in _change_lines(change))
        if isinstance(step, UpdateStack) and step.unknown:
            lines.append(f"      {', '.join(step.unknown)}: known after deploy")
    return "\n".join([*lines, *more])


def plan_json(plan: Plan, outlook: Outlook | None = None) -> dict[str, Any]:
    """The plan as a JSON value: environment, empty, steps, and with an outlook cost, images, migrations, drift."""
    return {
        "environment": plan.environment,
        "empty": plan.empty,
        "steps": [_step_json(step) for step in plan.steps],
        **(outlook_json(outlook) if outlook else {}),
    }


def step_text(step: Step) -> str:
    """One step as a short sentence."""
    match step:
        case PushImage():
            return f"push image {step.reference.rpartition('/')[2]}"
        case CreateStack():
            return f"create stack {step.stack.name}" + (" (over a failed create)" if step.over_failed else "")
        case UpdateStack():
            return f"update stack {step.stack.name}" + (" (removals)" if step.id.endswith("removals") else "")
        case DeleteStack():
            return f"delete stack {step.name}"
        case RefreshHosts():
            return "replace hosts of an older template, one after the other"
        case AwaitHosts():
            return f"wait for {amount(step.count, 'host')} to connect"
        case RunTask():
            return f"run task {step.task} of {step.service}"
        case Judge():
            return f"verdict on {step.service}"
        case SmokeTest():
            return "smoke test through the edge"
    return step.id


def table(rows: Iterable[Sequence[str]], header: Sequence[str]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def amount(count: int, noun: str) -> str:
    """A number and what it counts, in the singular for one."""
    one, _, rest = noun.partition(" ")
    return f"{count} {one}{'s' * (count != 1)}{' ' * bool(rest)}{rest}"


def failures_text(failed: Mapping[str, Exception], not_run: Sequence[str]) -> str:
    """What failed and what was therefore not done, for the last lines that a command prints."""
    lines = [
        str(error) if str(error).startswith(f"{name} ") else f"{name}: {error}"
        for name, error in failed.items()
    ]
    if not_run:
        lines.append(f"not done because of that: {', '.join(not_run)}")
    return "\n".join(lines)


def _loud(plan: Plan) -> Iterable[str]:
    """What is made anew or goes away, before everything else."""
    updates = [step for step in plan.steps if isinstance(step, UpdateStack)]
    for action, words in (("replace", "REPLACES"), ("remove", "REMOVES")):
        for step in updates:
            for change in step.changes:
                if change.action == action:
                    because = ", ".join(dict.fromkeys(one.path for one in change.properties if one.replaces))
                    yield f"  {words} {step.stack.name} {change.logical_id} ({change.type})" + (
                        f" because of {because}" if because else ""
                    )
    gone = [step.name for step in plan.steps if isinstance(step, DeleteStack)]
    yield from (f"  REMOVES the whole stack {name}" for name in gone)


def _loudest_first(changes: Iterable[ResourceChange]) -> list[ResourceChange]:
    order = {"replace": 0, "remove": 1, "change": 2, "add": 3}
    return sorted(changes, key=lambda change: (order[change.action], change.logical_id))


def _change_lines(change: ResourceChange) -> Iterable[str]:
    perhaps = ", may be replaced" if change.may_replace else ""
    yield f"{_MARKS[change.action]} {change.action} {change.logical_id} ({change.type}){perhaps}"
    for item in change.properties:
        forces = "  (forces replacement)" if item.replaces else ""
        yield f"    {item.path}: {_short(item.before)} -> {_short(item.after)}{forces}"


def _short(text: str | None) -> str:
    if text is None:
        return "(none)"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _step_json(step: Step) -> dict[str, Any]:
    data: dict[str, Any] = {"id": step.id, "does": step_text(step), "needs": sorted(step.needs)}
    if isinstance(step, UpdateStack):
        data |= {
            "changes": [asdict(change) for change in step.changes],
            "known_after_deploy": list(step.unknown),
        }
    return data
