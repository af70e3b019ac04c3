"""After a deploy, task definitions that none of the last ten releases uses go; one that runs never does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import connect
from infra.commands.context import Context
from infra.commands.pruning import prune_task_definitions
from infra.config import load
from infra.events import Event, Reporter
from infra.rollouts.retired import retired
from infra.state import Releases
from tests import aws_account
from tests.aws_account import REGION
from tests.builders import manifest, project_files, write_tree

FAMILY = "yard-local-shop-web"


def record(arn: str) -> dict[str, Any]:
    return {"parameters": {"shop": {"WebTaskDefinition": arn}}}


def test_what_a_record_names_or_something_uses_is_kept() -> None:
    records = [record("web:2"), {"outputs": {"shop-release": {"MigrateTaskDefinition": "migrate:3"}}}]

    found = retired(("web:3", "web:2", "web:1", "migrate:3", "migrate:1"), records, {"web:3"})

    assert found == ("web:1", "migrate:1")


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def context(tmp_path: Path, told: list[Event]) -> Iterator[Context]:
    with mock_aws():
        aws_account.client("s3", region_name=REGION).create_bucket(
            Bucket=f"yard-000000000000-{REGION}-state",
            CreateBucketConfiguration={"LocationConstraint": REGION},
        )
        config = load(write_tree(tmp_path, project_files(shop=manifest("a shop"))), "local")
        reporter = Reporter(told.append, lambda: 0.0)
        yield Context(tmp_path, config, connect(REGION, environ={}), reporter, None)


def register(family: str, environment: str = "local") -> str:
    answer = aws_account.client("ecs", region_name=REGION).register_task_definition(
        family=family,
        containerDefinitions=[{"name": "web", "image": "i", "memory": 64}],
        tags=[{"key": "yard:environment", "value": environment}],
    )
    arn: str = answer["taskDefinition"]["taskDefinitionArn"]
    return arn


def released(context: Context, number: int, arn: str) -> None:
    Releases(context.bucket, "local").write(f"{number:02}", {"verdict": "good", **record(arn)})


def runs(arn: str) -> None:
    """A cluster with a service of this task definition, as its stack says."""
    ecs = aws_account.client("ecs", region_name=REGION)
    ecs.create_cluster(clusterName="yard-local")
    ecs.create_service(cluster="yard-local", serviceName="shop", taskDefinition=arn, desiredCount=0)
    template = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"ClusterName": {"Value": "yard-local"}},
    }
    aws_account.client("cloudformation", region_name=REGION).create_stack(
        StackName="yard-local-cluster",
        TemplateBody=json.dumps(template),
        Tags=[{"Key": "yard:environment", "Value": "local"}, {"Key": "yard:part", "Value": "cluster"}],
    )


def left(context: Context) -> set[str]:
    return set(context.aws.ecs.task_definitions("yard-"))


def test_those_of_the_last_ten_releases_stay_and_so_does_one_that_runs(
    context: Context, told: list[Event]
) -> None:
    arns = [register(FAMILY) for _ in range(13)]
    for number, arn in enumerate(arns):
        released(context, number, arn)
    runs(arns[1])

    gone = prune_task_definitions(context)

    assert set(gone) == {arns[0], arns[2]}
    assert left(context) == {arns[1], *arns[3:]}
    assert [event.text for event in told] == ["2 deleted, which none of the last 10 releases uses"]


def test_another_environments_task_definitions_are_not_ours_though_their_names_begin_alike(
    context: Context,
) -> None:
    theirs = register("yard-local-shop-web", environment="local-shop")

    assert prune_task_definitions(context) == ()
    assert left(context) == {theirs}


def test_nothing_is_needless_after_the_first_deploys(context: Context, told: list[Event]) -> None:
    released(context, 1, register(FAMILY))

    assert prune_task_definitions(context) == ()
    assert told == []


def test_what_aws_refuses_is_told_and_does_not_fail_the_deploy(context: Context, told: list[Event]) -> None:
    aws_account.client("s3", region_name=REGION).delete_bucket(Bucket=f"yard-000000000000-{REGION}-state")

    assert prune_task_definitions(context) == ()
    assert told[0].kind == "warning"
    assert told[0].text.startswith("they stay for now: ")
