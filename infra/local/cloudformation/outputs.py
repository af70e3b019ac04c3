"""A change set that changes outputs alone: CloudFormation makes one that can be executed and shows no resource
(https://github.com/aws/aws-cdk/pull/2029); MiniStack calls it empty."""

from __future__ import annotations

from typing import Any

from infra.local import pin
from infra.local.cloudformation.changes import references

_SHA = "06b31550065c"


def install() -> None:
    """Let `CreateChangeSet` look at outputs where it finds no changed resource."""
    from ministack.services.cloudformation import changesets, handlers

    create = pin.original("services.cloudformation.changesets._create_change_set", sha=_SHA)

    def create_change_set(params: dict[str, Any]) -> Any:
        answer = create(params)
        name, stack = (params.get(key, [""])[0] for key in ("ChangeSetName", "StackName"))
        if answer[0] == 200:
            _, made = changesets._find_change_set(name, stack)
            if made is not None and _changes_outputs(made, handlers._resolve_stack(stack)):
                made |= {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "StatusReason": ""}
        return answer

    pin.replace("services.cloudformation.changesets._create_change_set", create_change_set, sha=_SHA)
    handlers._ACTION_HANDLERS["CreateChangeSet"] = create_change_set


def _changes_outputs(made: dict[str, Any], stack: dict[str, Any] | None) -> bool:
    if stack is None or made["ChangeSetType"] != "UPDATE" or made["Changes"] or made["Status"] != "FAILED":
        return False
    if "didn't contain changes" not in made["StatusReason"]:
        return False
    return _said(made) != _said(stack)


def _said(side: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The outputs as they are written, and the value of each parameter that they refer to."""
    outputs = side.get("_template", {}).get("Outputs", {})
    values = {name: held.get("Value") for name, held in side.get("_resolved_params", {}).items()}
    return outputs, {name: values[name] for name in references(outputs) if name in values}
