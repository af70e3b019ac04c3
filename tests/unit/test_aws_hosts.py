"""Machines and their groups: images, consoles, interfaces, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.autoscaling import Activity, Group, Member, Refresh
from infra.aws.ec2 import HostImage, Instance, InstanceType, Interface
from infra.errors import AwsError
from tests import aws_account
from tests.aws_account import REGION, Script

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ={})


def test_the_newest_of_the_offered_images_is_chosen() -> None:
    def image(id: str, created: str) -> dict[str, str]:
        return {
            "ImageId": id,
            "Name": f"Flatcar-stable-{id}",
            "CreationDate": created,
            "Architecture": "arm64",
        }

    asked = {
        "Owners": ["075585003325"],
        "Filters": [
            {"Name": "architecture", "Values": ["arm64"]},
            {"Name": "name", "Values": ["Flatcar-stable-*"]},
            {"Name": "state", "Values": ["available"]},
        ],
    }
    images = [image("b", "2026-03-01T00:00:00.000Z"), image("c", "2026-04-01T00:00:00.000Z")]
    script = Script("ec2").answers(
        "describe_images", {"Images": [*images, image("a", "2026-02-01T00:00:00.000Z")]}, asked=asked
    )

    with script.account() as aws:
        newest = aws.ec2.newest_image("075585003325", "Flatcar-stable-*", "arm64")

    assert newest == HostImage("c", "Flatcar-stable-c", "2026-04-01T00:00:00.000Z", "arm64")


def test_no_image_is_none(aws: Aws) -> None:
    assert aws.ec2.newest_image("075585003325", "Flatcar-absent-*", "arm64") is None


def test_instances_are_found_by_id_and_by_exact_tags(aws: Aws) -> None:
    first = launched({"yard:environment": "staging"})
    launched({"yard:environment": "staging-2"})

    (by_tag,) = aws.ec2.instances(tags={"yard:environment": "staging"})
    (by_id,) = aws.ec2.instances(ids=[first])

    assert by_tag == by_id
    assert (by_tag.id, by_tag.state, by_tag.type, by_tag.spot) == (first, "running", "t3.medium", False)
    assert by_tag.tags == {"yard:environment": "staging"}


def test_an_instance_that_is_ended_twice_is_gone_once(aws: Aws) -> None:
    instance = launched({})

    aws.ec2.terminate(instance)
    aws.ec2.terminate("i-0123456789abcdef0")

    assert [found.state for found in aws.ec2.instances(ids=[instance])] == ["terminated"]


def test_an_instance_of_the_spot_market_shows_as_such() -> None:
    entry = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "InstanceType": "t3.medium",
        "InstanceLifecycle": "spot",
    }
    script = Script("ec2").answers("describe_instances", {"Reservations": [{"Instances": [entry]}]})

    with script.account() as aws:
        assert aws.ec2.instances(vpc="vpc-1") == (Instance("i-1", "running", "t3.medium", spot=True),)


def test_an_interface_says_who_holds_it() -> None:
    balancer = {
        "NetworkInterfaceId": "eni-1",
        "Status": "in-use",
        "Description": "ELB app/yard/1",
        "SubnetId": "subnet-1",
        "Groups": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}],
        "PrivateIpAddress": "10.0.0.4",
        "Association": {"PublicIp": "203.0.113.9"},
        "Attachment": {"AttachmentId": "ela-attach-1"},
    }
    host = {"NetworkInterfaceId": "eni-2", "Status": "in-use", "Attachment": {"InstanceId": "i-1"}}
    loose = {"NetworkInterfaceId": "eni-3", "Status": "available"}
    script = Script("ec2").answers(
        "describe_network_interfaces", {"NetworkInterfaces": [loose, host, balancer]}
    )

    with script.account() as aws:
        interfaces = aws.ec2.network_interfaces("vpc-1")

    assert interfaces == (
        Interface(
            "eni-1", "in-use", "ELB app/yard/1", "subnet-1", ("sg-1", "sg-2"), "10.0.0.4", "203.0.113.9"
        ),
        Interface("eni-2", "in-use", "i-1"),
        Interface("eni-3", "available", "nobody"),
    )


def test_the_console_of_a_machine_is_text_and_empty_where_there_is_none() -> None:
    script = (
        Script("ec2")
        .answers("get_console_output", {"InstanceId": "i-1", "Output": "aWduaXRpb246IGZhaWxlZA=="})
        .refuses("get_console_output", "InvalidInstanceID.NotFound", "The instance ID 'i-2' does not exist")
        .refuses("get_console_output", "InvalidAction", "Unknown EC2 action: GetConsoleOutput")
    )

    with script.account() as aws:
        assert aws.ec2.console_output("i-1") == "ignition: failed"
        assert [aws.ec2.console_output("i-2"), aws.ec2.console_output("i-3")] == ["", ""]


def test_an_instance_type_shows_what_it_offers(aws: Aws) -> None:
    assert aws.ec2.instance_type("t3.medium") == InstanceType("t3.medium", 2, 4096, ("x86_64",), 3)
    assert aws.ec2.instance_type("x9.absent") is None


def test_a_group_shows_its_sizes_and_members() -> None:
    script = Script("autoscaling").answers("describe_auto_scaling_groups", groups(protected=True))

    with script.account() as aws:
        assert aws.autoscaling.group("hosts") == Group(
            name="hosts",
            minimum=1,
            maximum=4,
            desired=2,
            members=(Member("i-1", "InService", "Healthy", "eu-west-1a", protected=True),),
            protects_new=True,
        )


def test_a_group_that_is_not_there_is_none(aws: Aws) -> None:
    assert aws.autoscaling.group("absent") is None
    with pytest.raises(AwsError):
        aws.autoscaling.set_sizes("absent", minimum=0, maximum=0, desired=0)


def test_a_groups_sizes_are_set(aws: Aws) -> None:
    grouped("hosts")

    aws.autoscaling.set_sizes("hosts", minimum=0, maximum=2, desired=0)

    group = aws.autoscaling.group("hosts")
    assert group is not None
    assert (group.minimum, group.maximum, group.desired) == (0, 2, 0)


def test_protection_is_taken_from_the_group_and_its_members() -> None:
    script = (
        Script("autoscaling")
        .answers("describe_auto_scaling_groups", groups(protected=True))
        .answers(
            "update_auto_scaling_group",
            {},
            asked={"AutoScalingGroupName": "hosts", "NewInstancesProtectedFromScaleIn": False},
        )
        .answers(
            "set_instance_protection",
            {},
            asked={"AutoScalingGroupName": "hosts", "InstanceIds": ["i-1"], "ProtectedFromScaleIn": False},
        )
    )

    with script.account() as aws:
        aws.autoscaling.clear_protection("hosts")


def test_an_unprotected_or_absent_group_is_left_alone() -> None:
    script = (
        Script("autoscaling")
        .answers("describe_auto_scaling_groups", groups(protected=False))
        .answers("describe_auto_scaling_groups", {"AutoScalingGroups": []})
    )

    with script.account() as aws:
        aws.autoscaling.clear_protection("hosts")
        aws.autoscaling.clear_protection("absent")


def test_what_waits_to_be_emptied_is_let_go_and_what_does_not_wait_is_left_alone() -> None:
    draining = groups(protected=False)
    member = draining["AutoScalingGroups"][0]["Instances"][0]
    member["LifecycleState"] = "Terminating:Wait"
    hooks = [
        {"LifecycleHookName": "drain", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"},
        {"LifecycleHookName": "greet", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"},
    ]
    script = (
        Script("autoscaling")
        .answers("describe_auto_scaling_groups", draining)
        .answers("describe_lifecycle_hooks", {"LifecycleHooks": hooks})
        .answers(
            "complete_lifecycle_action",
            {},
            asked={
                "AutoScalingGroupName": "hosts",
                "LifecycleHookName": "drain",
                "InstanceId": member["InstanceId"],
                "LifecycleActionResult": "CONTINUE",
            },
        )
        .answers("describe_auto_scaling_groups", groups(protected=False))
        .answers("describe_auto_scaling_groups", {"AutoScalingGroups": []})
    )

    with script.account() as aws:
        for name in ("hosts", "idle", "absent"):
            aws.autoscaling.let_go(name)


def test_a_group_says_why_no_host_came() -> None:
    activity = {
        "ActivityId": "1",
        "AutoScalingGroupName": "hosts",
        "Cause": "a difference between desired and actual capacity",
        "StartTime": NOON,
        "StatusCode": "Failed",
        "Description": "Launching a new EC2 instance",
        "StatusMessage": "Could not launch Spot Instances. UnfulfillableCapacity",
    }
    script = (
        Script("autoscaling")
        .answers("describe_scaling_activities", {"Activities": [activity]})
        .refuses("describe_scaling_activities", "ValidationError", "AutoScalingGroup name not found")
    )

    with script.account() as aws:
        activities = aws.autoscaling.activities("hosts")
        none = aws.autoscaling.activities("absent")

    message = "Could not launch Spot Instances. UnfulfillableCapacity"
    assert activities == (Activity("1", "Failed", "Launching a new EC2 instance", message, NOON),)
    assert none == ()


def groups(*, protected: bool) -> dict[str, Any]:
    member = {
        "InstanceId": "i-1",
        "LifecycleState": "InService",
        "HealthStatus": "Healthy",
        "AvailabilityZone": "eu-west-1a",
        "ProtectedFromScaleIn": protected,
    }
    group = {
        "AutoScalingGroupName": "hosts",
        "MinSize": 1,
        "MaxSize": 4,
        "DesiredCapacity": 2,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["eu-west-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": NOON,
        "NewInstancesProtectedFromScaleIn": protected,
        "Instances": [member],
    }
    return {"AutoScalingGroups": [group]}


def launched(tags: dict[str, str]) -> str:
    ec2 = aws_account.client("ec2", region_name=REGION)
    image = ec2.register_image(Name="host")["ImageId"]
    spec = [
        {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    ]
    more: dict[str, Any] = {"TagSpecifications": spec} if tags else {}
    answer = ec2.run_instances(ImageId=image, InstanceType="t3.medium", MinCount=1, MaxCount=1, **more)
    return str(answer["Instances"][0]["InstanceId"])


def grouped(name: str) -> None:
    ec2 = aws_account.client("ec2", region_name=REGION)
    image = ec2.register_image(Name="host")["ImageId"]
    autoscaling = aws_account.client("autoscaling", region_name=REGION)
    autoscaling.create_launch_configuration(
        LaunchConfigurationName=name, ImageId=image, InstanceType="t3.medium"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=name,
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=1,
        AvailabilityZones=["eu-west-1a"],
    )


def test_an_instance_is_ended_by_its_group_which_makes_another() -> None:
    asked = {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": False}
    operation = "terminate_instance_in_auto_scaling_group"
    script = Script("autoscaling").answers(operation, {}, asked=asked)
    script.refuses(operation, "ValidationError", "Instance Id not found - No managed instance found for i-1")

    with script.account() as aws:
        aws.autoscaling.terminate("i-1")
        aws.autoscaling.terminate("i-1")


def test_a_refresh_replaces_protected_hosts_as_well_and_makes_the_new_one_first() -> None:
    preferences = {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 110,
        "InstanceWarmup": 120,
        "SkipMatching": True,
        "ScaleInProtectedInstances": "Refresh",
        "StandbyInstances": "Terminate",
    }
    asked = {"AutoScalingGroupName": "hosts", "Strategy": "Rolling", "Preferences": preferences}
    said = {
        "InstanceRefreshId": "1",
        "Status": "InProgress",
        "PercentageComplete": 50,
        "StatusReason": "waiting",
    }
    script = Script("autoscaling").answers("start_instance_refresh", {"InstanceRefreshId": "1"}, asked=asked)
    script.answers("describe_instance_refreshes", {"InstanceRefreshes": [said]})
    script.answers("cancel_instance_refresh", {"InstanceRefreshId": "1"})
    script.refuses("cancel_instance_refresh", "ActiveInstanceRefreshNotFound", "none")

    with script.account() as aws:
        started = aws.autoscaling.start_refresh("hosts", warm_up_seconds=120)
        found = aws.autoscaling.refreshes("hosts")
        aws.autoscaling.cancel_refresh("hosts")
        aws.autoscaling.cancel_refresh("hosts")

    assert (started, found) == ("1", (Refresh("1", "InProgress", 50, "waiting"),))
    assert not found[0].ended


def test_an_image_that_is_withdrawn_is_none() -> None:
    asked = {"Filters": [{"Name": "image-id", "Values": ["ami-1"]}]}
    script = Script("ec2").answers("describe_images", {"Images": []}, asked=asked)

    with script.account() as aws:
        assert aws.ec2.image("ami-1") is None
