"""What a restart finds half done: a stack operation caught in the middle becomes a state that CloudFormation has."""

from __future__ import annotations

import json
from typing import Any

REASON = "The local cloud was stopped during the operation."

AFTER = {
    "CREATE_IN_PROGRESS": "ROLLBACK_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}
"""The way out is CloudFormation's own: delete a stack that was being made, continue the rollback of an update."""


def mend() -> None:
    """Move every stack that an operation had when the server died; called when the saved state is back."""
    from ministack.services import cloudformation

    for stack in cloudformation._stacks.all_values():
        status = AFTER.get(str(stack.get("StackStatus")))
        if status is not None:
            _settle(stack, status)
    for change_set in cloudformation._change_sets.all_values():
        if change_set.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
            change_set["ExecutionStatus"] = "EXECUTE_FAILED"


def _settle(stack: dict[str, Any], status: str) -> None:
    """A stack whose update did not finish reports what it had before: the template and parameters of its last
    success."""
    from ministack.services.cloudformation import stacks

    stack |= {"StackStatus": status, "StackStatusReason": REASON}
    if status.startswith("UPDATE_ROLLBACK") and stack.get("_template"):
        stack["_template_body"] = json.dumps(stack["_template"])
        stack["Parameters"] = [
            {"ParameterKey": key, "ParameterValue": value["Value"], "NoEcho": value["NoEcho"]}
            for key, value in stack.get("_resolved_params", {}).items()
        ]
    stacks._add_event(
        stack["StackId"], stack["StackName"], stack["StackName"], "AWS::CloudFormation::Stack", status, REASON,
        stack["StackId"],
    )  # fmt: skip
