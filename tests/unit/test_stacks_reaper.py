"""The stack that ends environments by schedule."""

from __future__ import annotations

import json
from typing import Any

from tests.shipyard import reaper


def test_the_reaper_belongs_to_no_environment_and_has_a_network_of_its_own() -> None:
    made = reaper("staging")
    kinds = {one["Type"] for one in resources().values()}

    assert (made.name, made.tags, made.needs) == (
        "shipyard-reaper",
        {"shipyard:part": "reaper"},
        frozenset(),
    )
    assert {
        "AWS::EC2::VPC",
        "AWS::ECS::Cluster",
        "AWS::Scheduler::Schedule",
        "AWS::ECS::TaskDefinition",
    } <= kinds


def test_it_reaps_for_real_and_nobody_reaches_it() -> None:
    container = resources()["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]

    assert container["Command"] == ["reap", "staging", "--yes", "--json"]
    assert "SecurityGroupIngress" not in resources()["TaskSecurityGroup"]["Properties"]
    assert resources()["Schedule"]["Properties"]["ScheduleExpression"] == "rate(15 minutes)"


def resources() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reaper("staging").template)["Resources"]
    return found
