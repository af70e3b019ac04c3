"""Every status that a CloudFormation stack can have, and whether a deploy can go on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.checks.facts import Facts
from infra.checks.model import Check, Unknown, fail, ok, skip
from infra.recovery import way_on

NAME = "stacks"

_READY = ""
_ATTACHES = "CloudFormation is at work; a deploy waits for it to end"
_REPLACES = "its creation failed and it holds nothing; a deploy deletes it and makes it anew"
_CONTINUES = "its rollback stopped half-way; a deploy continues it first"

# Statuses from which a deploy goes on by itself, with what it does first (StackStatus in DescribeStacks).
GOES_ON: Mapping[str, str] = {
    "CREATE_COMPLETE": _READY,
    "UPDATE_COMPLETE": _READY,
    "UPDATE_ROLLBACK_COMPLETE": _READY,
    "IMPORT_COMPLETE": _READY,
    "IMPORT_ROLLBACK_COMPLETE": _READY,
    "CREATE_IN_PROGRESS": _ATTACHES,
    "UPDATE_IN_PROGRESS": _ATTACHES,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": _ATTACHES,
    "UPDATE_ROLLBACK_IN_PROGRESS": _ATTACHES,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": _ATTACHES,
    "ROLLBACK_IN_PROGRESS": _ATTACHES,
    "IMPORT_IN_PROGRESS": _ATTACHES,
    "IMPORT_ROLLBACK_IN_PROGRESS": _ATTACHES,
    "REVIEW_IN_PROGRESS": "somebody's change set was never executed; a deploy makes the stack",
    "CREATE_FAILED": _REPLACES,
    "ROLLBACK_COMPLETE": _REPLACES,
    "ROLLBACK_FAILED": _REPLACES,
    "UPDATE_ROLLBACK_FAILED": _CONTINUES,
}

# Statuses that need `recover` first.
STOPS = frozenset({"UPDATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED", "IMPORT_ROLLBACK_FAILED"})


def stack_states(facts: Facts) -> Iterator[Check]:
    """Say of each stack whether a deploy can go on from its status."""
    if isinstance(facts.actual, Unknown):
        yield skip(NAME, "status", facts.actual.why)
        return
    environment = facts.config.environment.name
    for part, stack in sorted(facts.actual.stacks.items()):
        if stack.status in GOES_ON:
            yield ok(NAME, part, GOES_ON[stack.status] or stack.status)
            continue
        yield fail(
            NAME,
            part,
            f"{stack.name} is {stack.status}: {way_on(stack.status).why}",
            f"run `./deploy.py recover {environment}`",
        )
    if not facts.actual.stacks:
        yield ok(NAME, "none", "nothing is deployed yet")
