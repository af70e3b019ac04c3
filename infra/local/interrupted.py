"""What a restart finds half done: a stack operation caught in the middle becomes a state that CloudFormation has."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
            _take_over(stack)
            _settle(stack, status)
    for change_set in cloudformation._change_sets.all_values():
        if change_set.get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
            change_set["ExecutionStatus"] = "EXECUTE_FAILED"


def _take_over(stack: dict[str, Any]) -> None:
    """Give the stack what was still being made for it, by its tags: else it would run on when the stack is gone."""
    resources = stack.setdefault("_resources", {})
    for kind, physical_id, tags in _long_in_the_making():
        title = tags.get("aws:cloudformation:logical-id", "")
        if tags.get("aws:cloudformation:stack-id") == stack["StackId"] and title not in resources:
            resources[title] = {
                "PhysicalResourceId": physical_id,
                "ResourceType": kind,
                "ResourceStatus": "CREATE_FAILED",
                "ResourceStatusReason": REASON,
                "LogicalResourceId": title,
                "Properties": {},
                "Attributes": {},
            }


def _long_in_the_making() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield type, physical id and tags of everything whose type a stack waits for: a service's tasks, a database."""
    from ministack.services import ecs, rds

    for service in ecs._services.all_values():
        tags = ecs._tags.get(service["serviceArn"], [])
        yield "AWS::ECS::Service", service["serviceArn"], {tag["key"]: tag["value"] for tag in tags}
    for record in rds._instances.all_values():
        tags = record.get("TagList", [])
        name = record["DBInstanceIdentifier"]
        yield "AWS::RDS::DBInstance", name, {tag["Key"]: tag["Value"] for tag in tags}


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
