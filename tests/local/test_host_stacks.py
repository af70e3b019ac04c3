"""The project's own cluster stack on the emulator: made, changed and removed in an order that AWS would accept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.stacks.model import Output, Stack
from tests.local.cloud import Cloud, wait_for
from tests.shipyard import stack

IMAGE = "ami-0f1a7ca0000000001"
ORDER = ["Cluster", "HostTemplate", "Hosts", "CapacityProvider", "Capacity"]


def parameters(made: Stack, outputs: dict[str, str]) -> list[dict[str, str]]:
    """What feeds the stack: the network's outputs, and an image."""
    return [
        {"ParameterKey": key, "ParameterValue": outputs[value.key] if isinstance(value, Output) else IMAGE}
        for key, value in made.parameters.items()
    ]


@pytest.fixture
def network(cloud: Cloud) -> Iterator[dict[str, str]]:
    made = stack("local", "network")
    outcome = cloud.deploy(made.name, json.loads(made.template), Parameters=parameters(made, {}))
    assert (outcome.status, outcome.failures) == ("CREATE_COMPLETE", ())
    yield dict(outcome.outputs)
    cloud.delete(made.name)


def ended(cloud: Cloud, stack_id: str, status: str) -> list[str]:
    """The resources of the capacity that came to a status, in that order."""
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack_id)["StackEvents"]
    found = [event["LogicalResourceId"] for event in reversed(events) if event["ResourceStatus"] == status]
    return [title for title in found if title in ORDER]


def test_hosts_come_after_their_cluster_grow_without_losing_one_and_go_before_it(
    cloud: Cloud, network: dict[str, str]
) -> None:
    made = stack("local", "cluster")
    template: dict[str, Any] = json.loads(made.template)
    ecs, given = cloud.client("ecs"), parameters(made, network)

    created = cloud.deploy(made.name, template, Parameters=given)
    stack_id = cloud.client("cloudformation").describe_stacks(StackName=made.name)["Stacks"][0]["StackId"]
    cluster = created.outputs["ClusterName"]
    before = wait_for(
        "the first host", lambda: ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    )
    template["Resources"]["Hosts"]["Properties"]["MaxSize"] = "3"
    updated = cloud.deploy(made.name, template, Parameters=given)
    after = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    deleted = cloud.delete(made.name)

    assert (created.status, updated.status, deleted.status, deleted.failures) == (
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "DELETE_COMPLETE",
        (),
    )
    assert after == before
    assert ended(cloud, stack_id, "CREATE_COMPLETE") == ORDER
    assert ended(cloud, stack_id, "DELETE_COMPLETE") == ORDER[::-1]
