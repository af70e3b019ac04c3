"""What templates show and what a change set says, put together: which changes make a resource anew. Pure.

CloudFormation reports many replacements as conditional that never happen. They are decided by property here, so that a
harmless one raises no alarm and one that may lose data always does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from infra.aws.cloudformation.values import Change
from infra.data_loss import STATEFUL
from infra.differences import PropertyChange, ResourceChange

# Properties that change sets call conditional and that RDS changes in place (RDS user guide, modifying an instance).
IN_PLACE = {
    "AWS::RDS::DBInstance": frozenset(
        {
            "AllocatedStorage",
            "BackupRetentionPeriod",
            "DBInstanceClass",
            "DBParameterGroupName",
            "EngineVersion",
            "Iops",
            "MaxAllocatedStorage",
            "MultiAZ",
            "StorageThroughput",
            "StorageType",
            "VPCSecurityGroups",
        }
    ),
}


# Every change of these makes a new revision, and the old one stays: no replacement that anybody need fear.
REVISED = frozenset({"AWS::ECS::TaskDefinition"})


def with_replacements(shown: Sequence[ResourceChange], seen: Iterable[Change]) -> tuple[ResourceChange, ...]:
    """Return the changes with what the change set adds; what it lists without a difference is left out."""
    found = {change.logical_id: change for change in shown}
    for change in seen:
        before = found.get(change.logical_id)
        after = _merged(before, change)
        if after is not None:
            found[change.logical_id] = after
    return tuple(found.values())


def _merged(before: ResourceChange | None, change: Change) -> ResourceChange | None:
    if change.action == "Remove":
        return before or ResourceChange("remove", change.logical_id, change.type)
    if change.action != "Modify":
        return before
    if change.type in REVISED:
        return before or ResourceChange("change", change.logical_id, change.type, _properties(change))
    always = _names(change, "Always")
    perhaps = _names(change, "Conditionally") - IN_PLACE.get(change.type, frozenset())
    replaced = change.replacement == "True" or (
        change.replacement == "Conditional" and bool(perhaps) and change.type in STATEFUL
    )
    maybe = not replaced and change.replacement == "Conditional" and bool(perhaps)
    if before is None:
        if not replaced and not _differs(change):
            return None
        before = ResourceChange("change", change.logical_id, change.type, _properties(change))
    guilty = always | (perhaps if replaced else frozenset())
    properties = tuple(replace(one, replaces=_top(one.path) in guilty) for one in before.properties)
    return replace(
        before, action="replace" if replaced else before.action, properties=properties, may_replace=maybe
    )


def _names(change: Change, recreation: str) -> frozenset[str]:
    return frozenset(_property(one.path) for one in change.properties if one.recreation == recreation)


def _differs(change: Change) -> bool:
    """A change set lists what only refers to something that changes; tags of the stack are no difference either."""
    return any(
        one.before != one.after for one in change.properties if _property(one.path) not in ("", "Tags")
    )


def _properties(change: Change) -> tuple[PropertyChange, ...]:
    return tuple(
        PropertyChange(_property(one.path) or one.path, one.before, one.after)
        for one in change.properties
        if one.before != one.after
    )


def _property(path: str) -> str:
    """Return `Port` for `/Properties/Port/0` and for `Properties/Port`."""
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "Properties" and len(parts) > 1 else ""


def _top(path: str) -> str:
    """Return `Port` for `Port.Value[0]`, the way that differences of templates write a path."""
    return path.partition(".")[0].partition("[")[0]
