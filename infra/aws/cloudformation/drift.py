"""Drift: what somebody changed by hand since CloudFormation was last there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.client import Client
from infra.aws.waiting import Clock, Sleep, attempts
from infra.errors import AwsError

DETECTION_SECONDS = 120


@dataclass(frozen=True)
class Drift:
    """One resource that is not as its stack has it. `status`: MODIFIED or DELETED; differences as `path: is, not was`."""

    logical_id: str
    type: str
    status: str
    differences: tuple[str, ...] = ()


def drifted(
    client: Client, name: str, *, clock: Clock = time.monotonic, sleep: Sleep = time.sleep
) -> tuple[Drift, ...]:
    """Compare a stack with what is there, wait for the result and return what differs, by logical id.

    Raises NotFound, AwsError where the comparison fails, is not offered or takes over two minutes.
    """
    detection = client.call("detect_stack_drift", StackName=name)["StackDriftDetectionId"]
    for _ in attempts(DETECTION_SECONDS, clock=clock, sleep=sleep):
        found = client.call("describe_stack_drift_detection_status", StackDriftDetectionId=detection)
        if found["DetectionStatus"] == "DETECTION_FAILED":
            reason = found.get("DetectionStatusReason") or "no reason given"
            raise AwsError(f"stack {name}: drift could not be told: {reason}", code="DriftDetectionFailed")
        if found["DetectionStatus"] == "DETECTION_COMPLETE":
            return _differences(client, name)
    raise AwsError(f"stack {name}: drift was not told within {DETECTION_SECONDS} s", code="TimedOut")


def _differences(client: Client, name: str) -> tuple[Drift, ...]:
    found: list[Drift] = []
    more: dict[str, str] = {}
    while True:
        page = client.call(
            "describe_stack_resource_drifts",
            StackName=name,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
            **more,
        )
        found += map(_drift, page.get("StackResourceDrifts") or ())
        if not page.get("NextToken"):
            return tuple(sorted(found, key=lambda one: one.logical_id))
        more = {"NextToken": page["NextToken"]}


def _drift(entry: Mapping[str, Any]) -> Drift:
    return Drift(
        entry["LogicalResourceId"],
        entry["ResourceType"],
        entry["StackResourceDriftStatus"],
        tuple(
            f"{one['PropertyPath'].strip('/')}: is {one.get('ActualValue')}, not {one.get('ExpectedValue')}"
            for one in entry.get("PropertyDifferences") or ()
        ),
    )
