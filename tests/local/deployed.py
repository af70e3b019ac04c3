"""The stack of everything, deployed once in a test run and looked at by many tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.local import templates
from tests.local.cloud import Cloud

TAG = {"Key": "estaleiro:environment", "Value": "test"}


@dataclass(frozen=True)
class Deployed:
    """The stack of everything, deployed once."""

    cloud: Cloud
    outputs: Mapping[str, str]
    ids: Mapping[str, str]

    def call(self, service: str, operation: str, **values: Any) -> Any:
        return getattr(self.cloud.client(service), operation)(**values)


def deploy(cloud: Cloud) -> Deployed:
    """Deploy `everything.json` as the stack `everything`."""
    outcome = cloud.deploy("everything", templates.everything(), Tags=[TAG])
    assert (outcome.status, outcome.failures) == ("CREATE_COMPLETE", ())
    return Deployed(cloud, outcome.outputs, cloud.resources("everything"))


def fields(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: record.get(name) for name in names}
