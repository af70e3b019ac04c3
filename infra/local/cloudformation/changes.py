"""What a change set says of a changed property: its values before and after, as `IncludePropertyValues` asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from infra.local import pin

_TARGET = re.compile(r"<Target>(.*?)</Target>", re.DOTALL)
KNOWN_LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""CloudFormation's own words: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceTargetDefinition.html"""

Template = dict[str, Any]


def install() -> None:
    """Add `Path`, `BeforeValue`, `AfterValue` and `AttributeChangeType` to the details of `DescribeChangeSet`."""
    from ministack.services.cloudformation import changesets

    diff = pin.original("services.cloudformation.stacks._diff_resources", sha="a3adfeb75781")
    describe = pin.original("services.cloudformation.changesets._describe_change_set", sha="e6d4a62f7921")

    def diff_with_values(
        old: Template, new: Template, resources: Any = None, *rest: Any
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = diff(old, new, resources, *rest)
        raw = rest[0] if rest else new
        for change in found:
            name = change["ResourceChange"]["LogicalResourceId"]
            before = old.get("Resources", {}).get(name, {})
            real = (resources or {}).get(name, {}).get("Properties")
            sides = before | ({"Properties": real} if real else {}), new.get("Resources", {}).get(name, {})
            _add_values(change["ResourceChange"], sides, raw.get("Resources", {}))
        return found

    def describe_with_values(params: dict[str, Any]) -> Any:
        answer = describe(params)
        if answer[0] != 200 or params.get("IncludePropertyValues", ["false"])[0].lower() != "true":
            return answer
        _, change_set = changesets._find_change_set(
            params["ChangeSetName"][0], params.get("StackName", [""])[0]
        )
        return answer[0], answer[1], _with_targets(answer[2], change_set.get("Changes", []))

    changesets._diff_resources = diff_with_values
    pin.replace(
        "services.cloudformation.changesets._describe_change_set", describe_with_values, sha="e6d4a62f7921"
    )
    from ministack.services.cloudformation import handlers

    handlers._ACTION_HANDLERS["DescribeChangeSet"] = describe_with_values


def _add_values(change: dict[str, Any], sides: tuple[Template, Template], raw: Template) -> None:
    """`sides` are the resource before and after; what refers to another resource is known when the change set runs."""
    for detail in change.get("Details", ()):
        target = detail["Target"]
        keys = (
            ["Properties", target["Name"]] if target["Attribute"] == "Properties" else [target["Attribute"]]
        )
        before, after = (_at(side, keys) for side in sides)
        written = _at(raw.get(change["LogicalResourceId"], {}), keys)
        if any(name in raw for name in references(written)):
            after = KNOWN_LATER
        target["Path"] = "/" + "/".join(keys)
        target |= {"BeforeValue": _text(before)} if before is not None else {}
        target |= {"AfterValue": _text(after)} if after is not None else {}
        target["AttributeChangeType"] = "Add" if before is None else "Remove" if after is None else "Modify"


def references(value: Any) -> Iterator[str]:
    """Yield the names that intrinsic functions in a part of a template refer to."""
    from ministack.services.cloudformation import engine

    return (name for name, _ in engine._intrinsic_references(value))


def _at(side: Template, keys: list[str]) -> Any:
    found: Any = side
    for key in keys:
        found = (found or {}).get(key)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _with_targets(body: bytes, found: list[dict[str, Any]]) -> bytes:
    """Put the values into the answer: its targets stand in the order of the changes."""
    targets = iter(
        [detail["Target"] for change in found for detail in change["ResourceChange"].get("Details", ())]
    )

    def filled(match: re.Match[str]) -> str:
        target = next(targets)
        names = ("Path", "BeforeValue", "AfterValue", "AttributeChangeType")
        extra = "".join(f"<{name}>{escape(target[name])}</{name}>" for name in names if name in target)
        return f"<Target>{match[1]}{extra}</Target>"

    text = body.decode() if isinstance(body, bytes) else body
    return _TARGET.sub(filled, text).encode()
