"""Every status that a CloudFormation stack can have, and whether a deploy can go on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.checks.facts import Facts
from infra.checks.model import Check, Unknown, fail, ok, skip

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

# Statuses that need somebody first: why, and what to do.
STOPS: Mapping[str, tuple[str, str]] = {
    "UPDATE_FAILED": (
        "an update failed and was left there without a rollback",
        "run `./deploy.py recover {environment}`, which rolls it back",
    ),
    "DELETE_IN_PROGRESS": ("it is being deleted", "wait until it is gone and run this again"),
    "DELETE_FAILED": (
        "its deletion failed half-way",
        "run `./deploy.py teardown {environment}` to finish it, or mend what holds it and run this again",
    ),
    "IMPORT_ROLLBACK_FAILED": (
        "an import failed and could not be undone",
        "undo it in the CloudFormation console; the stack's events say what is in the way",
    ),
}


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
        reason, fix = STOPS.get(
            stack.status, ("this tool does not know the status", "look at the stack in the console")
        )
        yield fail(
            NAME, part, f"{stack.name} is {stack.status}: {reason}", fix.format(environment=environment)
        )
    if not facts.actual.stacks:
        yield ok(NAME, "none", "nothing is deployed yet")
