"""Teardown of a whole environment on the control plane, judged by the emulator's own stores."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.commands.teardown import Ended, prepare, teardown
from infra.errors import Refused
from infra.local import engine
from infra.teardown.report import audit_text
from tests.local import workloads
from tests.local.cloud import wait_for
from tests.teardown import yard
from tests.teardown.conftest import Yard

TAG = {"Key": "shipyard:environment", "Value": "staging"}


def end(staging: Yard, name: str = "staging", **more: Any) -> Ended:
    return yard.end(staging.context(name, **more))


def left(staging: Yard, empty: frozenset[str]) -> list[str]:
    return sorted(set(staging.plane.things()) - empty)


def gone(before: frozenset[str], staging: Yard) -> list[str]:
    return sorted(before - set(staging.plane.things()))


def test_a_teardown_leaves_nothing_in_the_account_and_the_name_is_free_at_once(
    staging: Yard, empty: frozenset[str]
) -> None:
    deployed = len(staging.plane.things())

    ended = end(staging)

    assert deployed > len(empty) + 150
    assert (left(staging, empty), gone(empty, staging)) == ([], [])
    assert ended.audit.clean
    assert "nothing is left" in audit_text("staging", ended.audit)
    yard.deploy(staging.context())
    assert len(staging.plane.things()) == deployed


def test_a_plan_says_what_goes_what_stays_and_what_it_saves_and_changes_nothing(staging: Yard) -> None:
    before = staging.plane.things()

    prepared = prepare(staging.context())

    stacks = [step.id for step in prepared.plan.steps if step.id.startswith("delete ")]
    assert len(stacks) == 15
    assert stacks.index("delete gateway") < stacks.index("delete edge") < stacks.index("delete network")
    assert [one.kind for one in prepared.plan.kept] == ["stack", "hosted zone"]
    assert {line.what for line in prepared.bill} >= {"load balancer", "machine t3.medium", "secret"}
    assert staging.plane.things() == before


def test_another_environment_is_left_exactly_as_it_was(staging: Yard) -> None:
    before = staging.plane.things()
    yard.deploy(staging.context("staging-2", like="staging"))
    both = staging.plane.things()

    ended = end(staging, "staging-2", like="staging")

    assert ended.audit.clean
    assert len(both) > len(before) + 150
    assert staging.plane.things() == before


def test_what_stands_in_the_way_is_told_and_cleared(staging: Yard, empty: frozenset[str]) -> None:
    rds, scaling = staging.client("rds"), staging.client("autoscaling")
    database = rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"]
    rds.modify_db_instance(DBInstanceIdentifier=database, DeletionProtection=True)
    hosts = next(
        one
        for one in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        if "cluster" in one["AutoScalingGroupName"]
    )
    group, host = hosts["AutoScalingGroupName"], hosts["Instances"][0]["InstanceId"]
    scaling.update_auto_scaling_group(AutoScalingGroupName=group, NewInstancesProtectedFromScaleIn=True)
    scaling.set_instance_protection(AutoScalingGroupName=group, InstanceIds=[host], ProtectedFromScaleIn=True)
    _bucket(staging, "shipyard-staging-exports-files")

    prepared = prepare(staging.context())
    ended = end(staging)

    assert {(one.kind, one.name, one.fatal) for one in prepared.plan.obstacles} == {
        ("database", database, False),
        ("group of hosts", group, False),
        ("bucket", "shipyard-staging-exports-files", False),
    }
    assert ended.audit.clean
    assert left(staging, empty) == []


def _bucket(staging: Yard, name: str) -> None:
    """A stack of the environment with a bucket that keeps versions, and two versions and a marker in it."""
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": name, "VersioningConfiguration": {"Status": "Enabled"}},
    }
    cloudformation, s3 = staging.client("cloudformation"), staging.client("s3")
    cloudformation.create_stack(
        StackName="shipyard-staging-exports",
        TemplateBody=json.dumps({"Resources": {"Files": bucket}}),
        Tags=[TAG, {"Key": "shipyard:part", "Value": "exports"}],
    )
    staging.aws.cloudformation.wait("shipyard-staging-exports", deadline_seconds=30)
    for body in (b"one", b"two"):
        s3.put_object(Bucket=name, Key="file", Body=body)
    s3.delete_object(Bucket=name, Key="file")


def test_a_secret_that_waits_for_its_deletion_frees_its_name(staging: Yard) -> None:
    secrets = staging.client("secretsmanager")
    name = "shipyard/staging/reviews/smtp_password"
    secrets.create_secret(Name=name, SecretString="one", Tags=[TAG])
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=30)

    ended = end(staging)

    assert ended.audit.clean
    assert secrets.create_secret(Name=name, SecretString="two")["Name"] == name
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_thing_with_our_name_and_no_tag_is_told_and_not_touched(staging: Yard) -> None:
    sqs = staging.client("sqs")
    url = sqs.create_queue(QueueName="shipyard-staging-somebodys")["QueueUrl"]

    ended = end(staging)

    assert [(one.kind, one.name) for one in ended.audit.leftovers] == [
        ("queue", "shipyard-staging-somebodys")
    ]
    assert "delete it by hand" in ended.audit.leftovers[0].why
    sqs.delete_queue(QueueUrl=url)
    assert end(staging).audit.clean


def test_a_strangers_machine_in_our_network_is_named_before_anything_begins(staging: Yard) -> None:
    ec2 = staging.client("ec2")
    network = staging.context().outputs()["network"]
    stranger = ec2.run_instances(
        ImageId="ami-0f1a7ca0000000001",
        MinCount=1,
        MaxCount=1,
        SubnetId=network["TaskSubnetIds"].split(",")[0],
    )["Instances"][0]["InstanceId"]

    prepared = prepare(staging.context())

    assert [(one.kind, one.name) for one in prepared.plan.obstacles if one.fatal] == [("machine", stranger)]


def test_records_of_releases_go_with_the_environment(staging: Yard) -> None:
    bucket = staging.context().bucket
    for name in ("staging", "production"):
        bucket.put(f"releases/{name}/1.json", b'{"images": {}}')

    ended = end(staging)

    assert ended.audit.clean
    assert bucket.keys("releases/") == ("releases/production/1.json",)
    bucket.purge("releases/")


def test_a_teardown_that_is_not_agreed_to_changes_nothing(staging: Yard) -> None:
    before = staging.plane.things()

    def no(prepared: object) -> None:
        raise Refused("nothing was changed")

    with pytest.raises(Refused):
        teardown(staging.context(), agreed=no)

    assert staging.plane.things() == before


def test_a_running_one_off_task_is_stopped_with_its_container(staging: Yard, empty: frozenset[str]) -> None:
    workloads.build_image()
    ecs = staging.client("ecs")
    cluster = ecs.list_clusters()["clusterArns"][0]
    forever = {
        "name": "main",
        "image": workloads.IMAGE,
        "memory": 64,
        "command": workloads.python("import time; time.sleep(600)"),
        "stopTimeout": 2,
    }
    definition = ecs.register_task_definition(
        family="shipyard-staging-movies-shell",
        networkMode="bridge",
        containerDefinitions=[forever],
        tags=[{"key": "shipyard:environment", "value": "staging"}],
    )["taskDefinition"]["taskDefinitionArn"]
    task = ecs.run_task(cluster=cluster, taskDefinition=definition, launchType="FARGATE")["tasks"][0][
        "taskArn"
    ]
    wait_for(
        "the task to run",
        lambda: ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING",
    )

    prepared = prepare(staging.context())
    ended = end(staging)

    assert [(one.kind, one.name) for one in prepared.plan.obstacles] == [
        ("one-off task", task.rpartition("/")[2])
    ]
    assert ended.audit.clean
    assert left(staging, empty) == []
    assert engine.containers(staging.plane.settings) == []


def test_images_of_this_environment_alone_go_and_others_stay(staging: Yard) -> None:
    ecr = staging.client("ecr")
    manifest = '{"schemaVersion": 2, "layers": [%d]}'
    for number, tag in enumerate(
        ("movies-0123456789ab", "chassis-0123456789ab", "movies-ffffffffffff", "mailer-0123456789ab")
    ):
        ecr.put_image(repositoryName="shipyard", imageManifest=manifest % number, imageTag=tag)
    staging.context().bucket.put("releases/pr-1/1.json", b'{"images": {"mailer": "mailer-0123456789ab"}}')
    _empty_stack(staging, "shipyard-pr-1-network", "pr-1")

    ended = end(staging)

    kept = {tag for one in staging.aws.ecr.images("shipyard") for tag in one.tags}
    assert ended.audit.clean
    assert kept == {"movies-ffffffffffff", "mailer-0123456789ab"}
    staging.aws.ecr.delete_images("shipyard", kept)
    staging.context().bucket.purge("releases/")


def _empty_stack(staging: Yard, name: str, environment: str) -> None:
    """A stack of another environment, with next to nothing in it."""
    staging.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
        Tags=[
            {"Key": "shipyard:environment", "Value": environment},
            {"Key": "shipyard:part", "Value": "network"},
        ],
    )
    staging.aws.cloudformation.wait(name, deadline_seconds=30)


@pytest.mark.parametrize(
    "status",
    [
        "ROLLBACK_FAILED",
        pytest.param("UPDATE_ROLLBACK_FAILED", marks=pytest.mark.slow),
        "DELETE_FAILED",
        pytest.param("CREATE_FAILED", marks=pytest.mark.slow),
    ],
)
def test_a_stack_in_any_state_goes(staging: Yard, empty: frozenset[str], status: str) -> None:
    staging.plane.set_status("shipyard-staging-edge", status)

    ended = end(staging)

    assert ended.audit.clean
    assert left(staging, empty) == []
