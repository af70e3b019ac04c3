"""The stack that ends environments by schedule, and what its role may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
from cfnlint import api

from infra import stacks
from infra.local.cloudformation.schema import schema
from infra.naming import ACCOUNT_PART
from tests.shipyard import config, reaper
from tests.shipyard import resources as every_resource

# What CloudFormation's own schemas name beside the calls of a deletion: other kinds of the same thing, encryption with
# keys of one's own, and rights that only making one needs.
NOT_FOR_A_DELETION = {
    "ec2:CreateTags",
    "iam:PassRole",
    "managed-fleets:DeleteAutoScalingGroup",
    "managed-fleets:Get*",
    "ec2:DetachVpnGateway",
    "route53:UpdateHostedZoneFeatures",
    "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation",
    "vpce:AllowMultiRegion",
}
# The few that make something: a final snapshot, a note in the state bucket, a scaling target that is suspended.
MAKES = {
    "application-autoscaling:RegisterScalableTarget",
    "ecs:PutClusterCapacityProviders",
    "rds:AddTagsToResource",
    "rds:CreateDBSnapshot",
    "s3:PutObject",
}
MAKING_VERBS = (
    "Add",
    "Allocate",
    "Associate",
    "Attach",
    "Create",
    "Import",
    "Pass",
    "Put",
    "Register",
    "Run",
    "Upload",
)


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


def test_it_reaps_for_real_as_nobody_on_a_root_that_nobody_can_write_and_nobody_reaches_it() -> None:
    container = resources()["TaskDefinition"]["Properties"]["ContainerDefinitions"][0]

    assert container["Command"] == ["reap", "staging", "--yes", "--json"]
    assert (container["User"], container["ReadonlyRootFilesystem"]) == ("10001:10001", True)
    assert "SecurityGroupIngress" not in resources()["TaskSecurityGroup"]["Properties"]
    assert resources()["Schedule"]["Properties"]["ScheduleExpression"] == "rate(15 minutes)"


@pytest.mark.parametrize(("environment", "processor"), [("staging", "X86_64"), ("fargate", "ARM64")])
def test_it_runs_on_the_processor_that_its_image_is_built_for(environment: str, processor: str) -> None:
    definition = json.loads(reaper(environment).template)["Resources"]["TaskDefinition"]["Properties"]

    assert definition["RuntimePlatform"]["CpuArchitecture"] == processor


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_linter_finds_nothing(environment: str) -> None:
    template = stacks.reaper(
        config(environment), "registry/shipyard:reaper-1", protected=("production",)
    ).template

    assert [str(match) for match in api.lint(template, regions=["eu-west-1"])] == []


def test_it_may_delete_every_type_of_resource_that_an_environment_can_have() -> None:
    allowed = allowed_actions()
    wanted = {
        (resource["Type"], action)
        for _, resource, stack in every_resource()
        if stack.part != ACCOUNT_PART
        for action in schema(resource["Type"])["handlers"]["delete"]["permissions"]
    }

    missing = {
        (kind, action)
        for kind, action in wanted
        if action not in NOT_FOR_A_DELETION and not is_in(action, allowed)
    }
    assert len(wanted) > 100
    assert sorted(missing) == []


def test_it_may_make_next_to_nothing_and_read_no_secret() -> None:
    allowed = allowed_actions()

    makes = {one for one in allowed if one.partition(":")[2].startswith(MAKING_VERBS)}
    assert makes == MAKES
    looks = ("Describe", "Get", "List")
    patterns = {one.partition(":")[2] for one in allowed if "*" in one}
    assert {one for one in patterns if not one.startswith(looks)} == {"RevokeSecurityGroup*"}
    assert not is_in("secretsmanager:GetSecretValue", allowed)
    assert not is_in("iam:CreateRole", allowed)


def test_what_a_file_protects_is_refused_by_aws_itself() -> None:
    made = stacks.reaper(config("staging"), "image", protected=("production", "demo")).template

    (never,) = (
        one
        for one in statements(json.loads(made)["Resources"])
        if one["Effect"] == "Deny" and "NotAction" in one
    )
    assert never["Condition"] == {
        "StringEquals": {"aws:ResourceTag/shipyard:environment": ["demo", "production"]}
    }
    looks = ("Describe", "Get", "List")
    assert [one for one in never["NotAction"] if not one.partition(":")[2].startswith(looks)] == []


def test_the_accounts_own_stacks_and_state_are_out_of_its_reach() -> None:
    denied = [one for one in statements(resources()) if one["Effect"] == "Deny"]

    told = json.dumps([one["Resource"] for one in denied])
    assert "stack/shipyard-account/*" in told
    assert "stack/shipyard-reaper/*" in told
    assert [one["Action"] for one in denied if "state" in json.dumps(one["Resource"])] == [
        ["s3:DeleteBucket", "s3:DeleteBucketPolicy"]
    ]


def resources() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reaper("staging").template)["Resources"]
    return found


def statements(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of the task's role."""
    for policy in made["TaskRole"]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def allowed_actions() -> set[str]:
    return {action for one in statements(resources()) if one["Effect"] == "Allow" for action in one["Action"]}


def is_in(action: str, allowed: set[str]) -> bool:
    """Whether a pattern allows an action, which may be a pattern itself."""
    return any(fnmatchcase(action, pattern) for pattern in allowed)
