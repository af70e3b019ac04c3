"""Cluster and network stacks for every system, processor and market: AWS's own linter, and the order of things."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cfnlint import api

from infra import stacks
from infra.config import Config
from infra.stacks import Stack
from tests.hosts.machines import KEY
from tests.shipyard import config, tags

TYPES = {"x86_64": ("t3.medium", "t3a.medium"), "arm64": ("t4g.medium",)}


def configured(os: str, architecture: str = "x86_64", **hosts: Any) -> Config:
    """The staging environment (with a NAT host) on another system."""
    chosen = config("staging")
    environment = chosen.environment
    wanted = {"os": os, "instance_types": TYPES[architecture], **hosts}
    changed = {
        "hosts": environment.hosts.model_copy(update=wanted),
        "images": environment.images.model_copy(update={"architecture": architecture}),
    }
    return replace(chosen, environment=environment.model_copy(update=changed))


def made(chosen: Config) -> dict[str, Stack]:
    """The stacks that hold hosts, by part."""
    every = stacks.environment(chosen, tags(chosen))
    return {stack.part: stack for stack in every if stack.part in ("network", "cluster")}


@cache
def linted(template: str) -> list[str]:
    """What the linter says; the same template is read once."""
    return [str(match) for match in api.lint(template, regions=["eu-west-1"])]


@pytest.mark.parametrize("spot", [True, False])
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
@pytest.mark.parametrize("os", ["flatcar", "fedora-coreos", "fargate"])
def test_the_linter_finds_nothing(os: str, architecture: str, spot: bool) -> None:
    found = {
        part: linted(stack.template) for part, stack in made(configured(os, architecture, spot=spot)).items()
    }

    assert found == {"network": [], "cluster": []}


def test_what_is_deleted_first_depends_on_what_is_deleted_last() -> None:
    """CloudFormation deletes against its dependencies: hosts before their cluster, role and profile."""
    resources = json.loads(made(configured("flatcar"))["cluster"].template)["Resources"]

    order = creation_order(resources)

    chain = ["Cluster", "HostTemplate", "Hosts", "CapacityProvider", "Capacity"]
    assert [title for title in order if title in chain] == chain
    assert order.index("HostProfile") < order.index("Hosts")
    assert resources["CapacityProvider"]["Properties"]["AutoScalingGroupProvider"][
        "ManagedTerminationProtection"
    ] == ("DISABLED")
    assert resources["Hosts"]["Properties"]["NewInstancesProtectedFromScaleIn"] is False


def creation_order(resources: dict[str, Any]) -> list[str]:
    """The order in which CloudFormation makes resources: each after all that it names."""
    order: list[str] = []
    while len(order) < len(resources):
        ready = [
            title
            for title, resource in sorted(resources.items())
            if title not in order and needed(resource, resources.keys()) <= set(order)
        ]
        assert ready, "the resources wait for each other"
        order += ready
    return order


def needed(value: Any, titles: Any) -> set[str]:
    """The resources that a resource names."""
    if isinstance(value, list):
        return set().union(*(needed(item, titles) for item in value))
    if not isinstance(value, dict):
        return set()
    named = [value.get("Ref"), *(value.get("Fn::GetAtt") or [])[:1]]
    depends = value.get("DependsOn", [])
    named += depends if isinstance(depends, list) else [depends]
    found = {name for name in named if name in titles}
    return found.union(*(needed(item, titles) for item in value.values()))


def test_a_long_config_is_put_into_the_state_bucket_and_the_role_may_read_it() -> None:
    keys = tuple(f"{KEY}-{number}" for number in range(300))

    short, long = (
        made(configured("flatcar"))["cluster"],
        made(configured("flatcar", ssh_keys=keys))["cluster"],
    )

    ((key, body),) = long.objects.items()
    statements = json.loads(long.template)["Resources"]["HostRole"]["Properties"]["Policies"][0][
        "PolicyDocument"
    ]
    reads = [one for one in statements["Statement"] if one["Action"] == ["s3:GetObject"]]
    assert short.objects == {}
    assert key in long.template
    assert keys[-1] in body
    assert [one["Resource"] for one in reads] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::shipyard-111122223333-eu-west-1-state/ignition/*"}
    ]


def test_session_manager_is_allowed_only_where_it_is_wanted() -> None:
    without, wanted = (made(configured("flatcar", ssm=ssm))["cluster"].template for ssm in (False, True))

    assert ("ssmmessages" in without, "ssmmessages" in wanted) == (False, True)


def test_on_fargate_nothing_of_a_host_is_made() -> None:
    template = json.loads(made(configured("fargate"))["cluster"].template)

    assert sorted(resource["Type"] for resource in template["Resources"].values()) == [
        "AWS::ECS::Cluster",
        "AWS::ECS::ClusterCapacityProviderAssociations",
    ]
