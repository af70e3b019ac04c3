"""Every state that CloudFormation has, and the one right way on from it; pure, the README's table is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["nothing", "wait", "delete", "roll back", "continue the rollback"]


@dataclass(frozen=True)
class WayOn:
    """What to do about a stack in one state, and why."""

    action: Action
    why: str


_FINE = WayOn("nothing", "it is in order")
_BUSY = WayOn("wait", "CloudFormation is at work on it")
_HALF_MADE = WayOn("delete", "its create failed, so it can only be deleted; the next deploy makes it anew")

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html, stack status codes.
WAYS_ON: dict[str, WayOn] = {
    "CREATE_COMPLETE": _FINE,
    "UPDATE_COMPLETE": _FINE,
    "IMPORT_COMPLETE": _FINE,
    "UPDATE_ROLLBACK_COMPLETE": WayOn(
        "nothing", "an update failed and was undone; the next deploy tries again"
    ),
    "IMPORT_ROLLBACK_COMPLETE": WayOn("nothing", "an import failed and was undone"),
    "CREATE_IN_PROGRESS": _BUSY,
    "ROLLBACK_IN_PROGRESS": _BUSY,
    "DELETE_IN_PROGRESS": _BUSY,
    "UPDATE_IN_PROGRESS": _BUSY,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": _BUSY,
    "UPDATE_ROLLBACK_IN_PROGRESS": _BUSY,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": _BUSY,
    "IMPORT_IN_PROGRESS": _BUSY,
    "IMPORT_ROLLBACK_IN_PROGRESS": _BUSY,
    "REVIEW_IN_PROGRESS": WayOn("delete", "a change set was made and never executed; it holds nothing"),
    "ROLLBACK_COMPLETE": _HALF_MADE,
    "ROLLBACK_FAILED": WayOn(
        "delete", "its create failed and could not be undone whole; what is left is deleted"
    ),
    "CREATE_FAILED": _HALF_MADE,
    "UPDATE_FAILED": WayOn("roll back", "an update failed and was left as it was"),
    "UPDATE_ROLLBACK_FAILED": WayOn(
        "continue the rollback", "undoing an update failed; resources that fail again are skipped and named"
    ),
    "IMPORT_ROLLBACK_FAILED": WayOn("continue the rollback", "undoing an import failed"),
    "DELETE_FAILED": WayOn("delete", "its deletion stopped half-way; the holder of what is left is named"),
}


def way_on(status: str) -> WayOn:
    """Return what to do about a stack in `status`; a state that AWS adds one day is left alone and said so."""
    return WAYS_ON.get(
        status, WayOn("nothing", f"the state {status} is not known to this version; look at it yourself")
    )
