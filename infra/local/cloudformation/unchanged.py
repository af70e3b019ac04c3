"""An update has events for what it changes alone, as CloudFormation's has; MiniStack tells of every resource.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks.html, "CloudFormation
updates only the changed resources".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.local import pin

Event = Callable[..., None]
Update = Callable[..., Any]


def install() -> None:
    """Put both functions in the place of MiniStack's."""
    update = pin.original("services.cloudformation.stacks._update_keeping_seed", sha="1527138b947b")
    event = pin.original("services.cloudformation.stacks._add_event", sha="0adea13d13a6")
    noted, told = telling_of_changes(update, event)
    pin.replace("services.cloudformation.stacks._update_keeping_seed", noted, sha="1527138b947b")
    pin.replace("services.cloudformation.stacks._add_event", told, sha="0adea13d13a6")


def telling_of_changes(update: Update, event: Event) -> tuple[Update, Event]:
    """Return both, so that a resource whose update found the same properties as before has no UPDATE_COMPLETE."""
    same: set[tuple[str, str]] = set()

    def noted(kind: str, identifier: str, before: Any, after: Any, stack: str, name: str, *rest: Any) -> Any:
        found = update(kind, identifier, before, after, stack, name, *rest)
        if before == after and found[0][0] == identifier:
            same.add((stack, name))
        return found

    def told(stack_id: str, stack: str, name: str, kind: str, status: str, *rest: Any, **more: Any) -> None:
        unchanged = (stack, name) in same
        same.discard((stack, name))
        if not (unchanged and status == "UPDATE_COMPLETE"):
            event(stack_id, stack, name, kind, status, *rest, **more)

    return noted, told
