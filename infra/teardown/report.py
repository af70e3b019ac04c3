"""Teardown plans, audits and bills as text and as JSON values; it returns strings, and one place prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from infra.report import amount, table
from infra.steps import DeleteStack, Step
from infra.teardown.audit import Audit
from infra.teardown.cost import Line, total
from infra.teardown.inventory import Inventory, Owner
from infra.teardown.plan import TeardownPlan
from infra.teardown.steps import (
    EmptyBucket,
    FreeDatabase,
    FreeGroup,
    FreeProvider,
    QuietService,
    ReleaseHosts,
    StopTask,
    Sweep,
    TakeSnapshot,
)


def plan_text(plan: TeardownPlan, bill: tuple[Line, ...]) -> str:
    """The whole plan for a person: what goes, in order; what stays and why; what is in the way; what it saves."""
    if plan.empty:
        return f"{plan.environment}: there is nothing to remove."
    lines = [f"{plan.environment}: {amount(len(plan.steps), 'step')}", "", "Goes:"]
    lines += [f"  {step_text(step)}" for step in plan.steps]
    if plan.kept:
        lines += ["", "Stays:", *(f"  {one.kind} {one.name}: {one.why}" for one in plan.kept)]
    if plan.obstacles:
        lines += ["", "In the way:"]
        lines += [
            f"  {'! ' if one.fatal else ''}{one.kind} {one.name} {one.remedy}" for one in plan.obstacles
        ]
    return "\n".join([*lines, "", bill_text(bill)])


def local_plan_text(environment: str, things: Sequence[str]) -> str:
    """The plan of the local cloud's end: it goes whole, so what goes is what it has on this machine."""
    if not things:
        return f"{environment}: there is nothing to remove."
    goes = "\n".join(f"  {one}" for one in things)
    stays = "  images: the build cache; the next deploy builds nothing that has not changed"
    return f"{environment}: the local cloud, with all its data\n\nGoes:\n{goes}\n\nStays:\n{stays}"


def removed_text(removed: Sequence[str]) -> str:
    """What went with a local cloud, a line each."""
    return "\n".join(f"removed {item}" for item in removed) or "there was nothing to remove"


def plan_json(plan: TeardownPlan, bill: tuple[Line, ...]) -> dict[str, Any]:
    """The plan as a JSON value: environment, empty, steps, kept, obstacles, monthly cost in US dollars."""
    return {
        "environment": plan.environment,
        "empty": plan.empty,
        "steps": [
            {"id": step.id, "does": step_text(step), "needs": sorted(step.needs), "things": _things(step)}
            for step in plan.steps
        ],
        "kept": [asdict(one) for one in plan.kept],
        "obstacles": [asdict(one) for one in plan.obstacles],
        "monthly_cost": {"total": total(bill), "lines": [asdict(line) for line in bill]},
    }


def bill_text(bill: tuple[Line, ...]) -> str:
    """The bill as a table with its sum; list prices, so an estimate."""
    rows = [(line.what, str(line.count), "?" if line.month is None else f"{line.month:.2f}") for line in bill]
    head = f"About {total(bill):.2f} USD a month at list prices ends."
    return f"{head}\n{table(rows, ('WHAT', 'COUNT', 'USD A MONTH'))}" if rows else head


def audit_text(environment: str, audit: Audit) -> str:
    """The proof in words; every leftover with the reason why it is one."""
    looked = f"{audit.checked} things of {audit.kinds} kinds were looked at"
    if audit.clean:
        return f"{environment}: nothing is left ({looked}, by tag, by recorded id and by name)"
    lines = [f"{environment}: {len(audit.leftovers)} left ({looked})"]
    return "\n".join([*lines, *(f"  {one.kind} {one.name} ({one.id}): {one.why}" for one in audit.leftovers)])


def audit_json(audit: Audit) -> dict[str, Any]:
    """The audit as a JSON value: checked, kinds, leftovers."""
    return asdict(audit)


def counted(project: str, inventory: Inventory) -> dict[str, int]:
    """How many things of each kind carry the environment's tag."""
    owner = Owner(project, inventory.environment, inventory.neighbours)
    return dict(sorted(Counter(one.kind for one in inventory.found if owner.tagged(one)).items()))


def step_text(step: Step) -> str:
    """One step as a short sentence."""
    match step:
        case StopTask():
            return f"stop one-off task {step.arn.rpartition('/')[2]}"
        case QuietService():
            return f"drain service {step.name}" + (", its scaling suspended" if step.scaled else "")
        case FreeProvider() | FreeGroup():
            return f"take the protection of hosts from {step.name.rpartition('/')[2]}"
        case ReleaseHosts():
            return f"release the hosts of {step.cluster}"
        case EmptyBucket():
            return f"empty bucket {step.name}"
        case FreeDatabase():
            return f"wait for database {step.database} to be at rest; take its protection"
        case TakeSnapshot():
            return f"take final snapshot {step.snapshot}"
        case DeleteStack():
            return f"delete stack {step.name}"
        case Sweep():
            return f"delete {len(step.targets)} {step.kind}{'s' * (len(step.targets) != 1)} that no stack deletes"
    return step.id


def _things(step: Step) -> list[str]:
    return list(step.targets) if isinstance(step, Sweep) else []
