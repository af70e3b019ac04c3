"""Templates for tests of the control plane: pieces, and `everything.json`, which has every resource type that the
control plane's own handlers make, each with the properties that matter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}],
}


def ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def resource(kind: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}"} | ({"Properties": properties} if properties else {}) | more


def everything() -> dict[str, Any]:
    """Return the whole template, to be changed at will."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("everything.json").read_text())
    return found
