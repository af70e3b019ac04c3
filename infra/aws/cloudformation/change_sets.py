"""Making change sets and waiting for them; nothing here changes what runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from infra.aws.client import Client
from infra.aws.cloudformation import status as statuses
from infra.aws.cloudformation import values
from infra.aws.cloudformation.values import ChangeSet
from infra.aws.waiting import Sleep, attempts
from infra.errors import AwsError, NotFound

Kind = Literal["CREATE", "UPDATE"]

READY_SECONDS = 300
_EMPTY_PHRASES = ("didn't contain changes", "no updates are to be performed", "there are no changes")


def create(client: Client, *, sleep: Sleep, **request: Any) -> ChangeSet:
    """Make a change set from CreateChangeSet's parameters and return it when it is ready.

    No changes: `empty`, and deleted. Raises AwsError with CloudFormation's reason when it cannot be made.
    """
    answer = client.call("create_change_set", **request)
    stack, identity = request["StackName"], answer["Id"]
    described = _settled(client, stack, identity, sleep=sleep)
    status, reason = described["Status"], described.get("StatusReason") or ""
    if status == "CREATE_COMPLETE":
        found = [entry["ResourceChange"] for entry in described["Changes"] if entry.get("ResourceChange")]
        changes = tuple(sorted(map(values.change, found), key=lambda change: change.logical_id))
        return ChangeSet(identity, request["ChangeSetName"], stack, status, changes=changes)
    if any(phrase in reason.lower() for phrase in _EMPTY_PHRASES):
        discard(client, stack, identity)
        return ChangeSet(identity, request["ChangeSetName"], stack, status, empty=True)
    reasons = _validation_reasons(client, identity) or reason or "no reason given"
    discard(client, stack, identity)
    raise AwsError(
        f"stack {stack}: CloudFormation refuses the change: {reasons.rstrip('.')}", code="ChangeSetFailed"
    )


def parameters(given: Mapping[str, str]) -> list[dict[str, str]]:
    """Write parameters the way CloudFormation wants them, sorted by key."""
    return [{"ParameterKey": key, "ParameterValue": given[key]} for key in sorted(given)]


def described(client: Client, stack: str, identity: str) -> dict[str, Any]:
    """Return a change set with the changes of all its pages."""
    pages = list(
        client.pages(
            "describe_change_set", StackName=stack, ChangeSetName=identity, IncludePropertyValues=True
        )
    )
    whole = dict(pages[0])
    whole["Changes"] = [entry for page in pages for entry in page.get("Changes") or ()]
    return whole


def discard(client: Client, stack: str, identity: str) -> None:
    """Delete a change set, and the empty stack in review that a CREATE one leaves behind."""
    try:
        client.call("delete_change_set", StackName=stack, ChangeSetName=identity)
        found = client.call("describe_stacks", StackName=stack)["Stacks"]
    except NotFound:
        return
    if found and found[0]["StackStatus"] == statuses.IN_REVIEW:
        client.call("delete_stack", StackName=stack)


def _settled(client: Client, stack: str, identity: str, *, sleep: Sleep) -> dict[str, Any]:
    for _ in attempts(READY_SECONDS, clock=time.monotonic, sleep=sleep):
        found = described(client, stack, identity)
        if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            return found
    raise AwsError(
        f"stack {stack}: its change set was not ready after {READY_SECONDS} s; run the command again",
        code="TimedOut",
    )


def _validation_reasons(client: Client, identity: str) -> str:
    """What CloudFormation's validation before deployment found; StatusReason only points there (DescribeEvents)."""
    try:
        events = list(
            client.items(
                "describe_events",
                "OperationEvents",
                ChangeSetName=identity,
                Filters={"FailedEvents": True},
            )
        )
    except AwsError:
        return ""
    found = (
        f"{event.get('LogicalResourceId', '')} {event.get('ValidationPath', '')}: {event['ValidationStatusReason']}"
        for event in events
        if event.get("ValidationStatusReason") and event.get("ValidationFailureMode", "FAIL") == "FAIL"
    )
    return "; ".join(dict.fromkeys(" ".join(line.split()) for line in found))
