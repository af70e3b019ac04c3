"""The release update before the verdict: it only adds, so that what serves traffic keeps all that it uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.stacks.draft import metadata_sources, with_template
from infra.stacks.model import Stack

ROLE = "AWS::IAM::Role"


def with_kept(new: Stack, running_template: str) -> Stack:
    """Return the new release with what only the running template has: resources, outputs, a role's permissions.

    An empty `running_template` (nothing runs yet) returns `new`. The plain `new` is the later, second update.
    """
    if not running_template:
        return new
    wanted, running = json.loads(new.template), json.loads(running_template)
    merged = {**wanted, "Resources": _resources(wanted["Resources"], running.get("Resources", {}))}
    outputs = {**running.get("Outputs", {}), **wanted.get("Outputs", {})}
    if outputs:
        merged["Outputs"] = outputs
    needed = set(_references({"Resources": merged["Resources"], "Outputs": outputs}))
    former = running.get("Parameters", {})
    kept = {
        name: former[name] for name in sorted(needed & former.keys() - wanted.get("Parameters", {}).keys())
    }
    parameters = {**wanted.get("Parameters", {}), **kept}
    if parameters:
        merged["Parameters"] = parameters
    sources = metadata_sources(running)
    return with_template(new, merged, {**new.parameters, **{name: sources[name] for name in kept}})


def _resources(wanted: Mapping[str, Any], running: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**running, **wanted}
    for name in wanted.keys() & running.keys():
        if wanted[name]["Type"] == running[name]["Type"] == ROLE:
            merged[name] = _with_permissions(wanted[name], running[name])
    return merged


def _with_permissions(wanted: Mapping[str, Any], running: Mapping[str, Any]) -> dict[str, Any]:
    """Tasks of the running release still start with this role, and read secrets that the new one may not know."""
    properties = dict(wanted["Properties"])
    policies = {policy["PolicyName"]: policy for policy in properties.get("Policies", [])}
    for former in running["Properties"].get("Policies", []):
        own = policies.get(former["PolicyName"])
        policies[former["PolicyName"]] = _with_statements(own, former) if own else former
    if policies:
        properties["Policies"] = [policies[name] for name in sorted(policies)]
    return {**wanted, "Properties": properties}


def _with_statements(own: Mapping[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    document = own["PolicyDocument"]
    statements = document["Statement"]
    missing = [item for item in former["PolicyDocument"]["Statement"] if item not in statements]
    return {**own, "PolicyDocument": {**document, "Statement": [*statements, *missing]}}


def _references(value: Any) -> Iterator[str]:
    """Yield every name that a template's Ref or Sub mentions."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                yield inner
            elif key == "Fn::Sub":
                yield from _substituted(inner)
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _substituted(value: Any) -> Iterator[str]:
    text = value[0] if isinstance(value, list) else value
    yield from (piece.partition("}")[0].partition(".")[0] for piece in text.split("${")[1:])
