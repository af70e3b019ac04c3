"""What we know of a stack, its resources, events and changes: frozen values read from CloudFormation's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.aws import tags
from infra.errors import AwsError

_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class StackState:
    """A stack as it is. `updated` is the last update, or the creation where there was none."""

    name: str
    status: str
    status_reason: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    id: str = ""
    protected: bool = False
    updated: datetime | None = None
    created: datetime | None = None


@dataclass(frozen=True)
class StackResource:
    """One resource of a deployed stack."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    id: str
    time: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""

    @property
    def is_of_stack(self) -> bool:
        """True for the stack's own events, of which the first and the last enclose an operation."""
        return self.type == _STACK and self.physical_id.startswith("arn:") and ":stack/" in self.physical_id

    @property
    def starts_operation(self) -> bool:
        """True for the event that somebody's call made, as against a rollback that follows from one."""
        started = self.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"}
        asked = self.reason == "" or self.reason.lower().startswith("user initiated")
        rollback_asked = self.status.endswith("ROLLBACK_IN_PROGRESS") and self.reason.lower().startswith(
            "user init"
        )
        return self.is_of_stack and ((started and asked) or rollback_asked)

    @property
    def is_failure(self) -> bool:
        """True where a resource failed by itself, not because another did and its work was cancelled."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()


@dataclass(frozen=True)
class PropertyChange:
    """One property of a changed resource. `recreation`: Always, Conditionally or Never."""

    path: str
    before: str | None
    after: str | None
    recreation: str


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource. `replacement`: "True", "False", "Conditional" or None."""

    action: str
    logical_id: str
    physical_id: str
    type: str
    replacement: str | None = None
    properties: tuple[PropertyChange, ...] = ()
    scope: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is ready to be executed; `empty` ones are deleted already."""

    id: str
    name: str
    stack: str
    status: str
    empty: bool = False
    changes: tuple[Change, ...] = ()


class StackFailed(AwsError):
    """A stack ended where it was not meant to. `event` is the first failure, where there was one."""

    def __init__(self, message: str, *, state: StackState, event: Event | None) -> None:
        super().__init__(message, code=state.status)
        self.state = state
        self.event = event


def stack_state(answer: Mapping[str, Any]) -> StackState:
    """Read one entry of DescribeStacks. A parameter with a resolved value (SSM) shows what it resolves to."""
    return StackState(
        name=answer["StackName"],
        status=answer["StackStatus"],
        status_reason=answer.get("StackStatusReason", ""),
        parameters={
            entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in answer.get("Parameters") or ()
        },
        outputs={entry["OutputKey"]: entry["OutputValue"] for entry in answer.get("Outputs") or ()},
        tags=tags.from_aws(answer.get("Tags")),
        id=answer.get("StackId", ""),
        protected=bool(answer.get("EnableTerminationProtection", False)),
        updated=answer.get("LastUpdatedTime") or answer.get("CreationTime"),
        created=answer.get("CreationTime"),
    )


def stack_resource(answer: Mapping[str, Any]) -> StackResource:
    """Read one entry of ListStackResources."""
    return StackResource(
        logical_id=answer["LogicalResourceId"],
        physical_id=answer.get("PhysicalResourceId") or "",
        type=answer["ResourceType"],
        status=answer["ResourceStatus"],
        reason=answer.get("ResourceStatusReason") or "",
    )


def event(answer: Mapping[str, Any]) -> Event:
    """Read one entry of DescribeStackEvents."""
    return Event(
        id=answer["EventId"],
        time=answer["Timestamp"],
        logical_id=answer.get("LogicalResourceId") or "",
        physical_id=answer.get("PhysicalResourceId") or "",
        type=answer.get("ResourceType") or "",
        status=answer.get("ResourceStatus") or answer.get("HookStatus") or "",
        reason=answer.get("ResourceStatusReason") or answer.get("HookStatusReason") or "",
    )


def change(answer: Mapping[str, Any]) -> Change:
    """Read the ResourceChange of one entry of DescribeChangeSet."""
    return Change(
        action=answer["Action"],
        logical_id=answer["LogicalResourceId"],
        physical_id=answer.get("PhysicalResourceId") or "",
        type=answer["ResourceType"],
        replacement=answer.get("Replacement"),
        properties=_properties(answer.get("Details") or ()),
        scope=tuple(answer.get("Scope") or ()),
    )


def _properties(details: Any) -> tuple[PropertyChange, ...]:
    """One entry a property: AWS gives one a cause, and the static evaluation is the certain one."""
    found: dict[str, PropertyChange] = {}
    for detail in sorted(details, key=lambda detail: detail.get("Evaluation") == "Static"):
        target = detail.get("Target") or {}
        path = target.get("Path") or "/".join(
            part for part in (target.get("Attribute"), target.get("Name")) if part
        )
        found[path] = PropertyChange(
            path=path,
            before=target.get("BeforeValue"),
            after=target.get("AfterValue"),
            recreation=target.get("RequiresRecreation") or "Never",
        )
    return tuple(found[path] for path in sorted(found))
