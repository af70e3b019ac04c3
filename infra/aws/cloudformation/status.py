"""What a stack's status means; the words are CloudFormation's (StackStatus in DescribeStacks)."""

from __future__ import annotations

SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE", "IMPORT_COMPLETE"})
ROLLED_BACK = frozenset({"ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
GONE = "DELETE_COMPLETE"
IN_REVIEW = "REVIEW_IN_PROGRESS"


def in_progress(status: str) -> bool:
    """Say whether CloudFormation is at work. A stack in review is not: it waits for somebody's change set."""
    return status.endswith("_IN_PROGRESS") and status != IN_REVIEW


def is_terminal(status: str) -> bool:
    """Say whether nothing more will happen by itself."""
    return not status.endswith("_IN_PROGRESS")


def is_failed(status: str) -> bool:
    """Say whether the last operation did not do what was asked; rolled back is failed."""
    return status.endswith("_FAILED") or status in ROLLED_BACK
