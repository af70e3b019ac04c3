"""Stack operations: what is refused, what goes back, what is kept, and that nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.cloud import Cloud, Failed
from tests.local.templates import att, ref, resource


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"VisibilityTimout": 3}, "#: extraneous key [VisibilityTimout] is not permitted"),
        ({"RedriveAllowPolicy": {}, "Arn": "arn"}, "#: property [Arn] is read-only"),
    ],
)
def test_a_property_that_aws_does_not_know_is_refused(cloud: Cloud, properties: Any, reason: str) -> None:
    outcome = cloud.deploy("misspelt", {"Resources": {"Queue": resource("SQS::Queue", properties)}})
    cloud.delete("misspelt")

    assert outcome.status == "ROLLBACK_COMPLETE"
    assert outcome.failures == (
        Failed(
            "Queue",
            "CREATE_FAILED",
            f"Properties validation failed for resource Queue with message: [{reason}]",
        ),
    )


def test_a_property_that_would_be_dropped_is_refused_and_nothing_is_left(cloud: Cloud) -> None:
    properties = {"RetentionInDays": 3, "LogGroupName": "/dropped", "FieldIndexPolicies": [{"Fields": ["a"]}]}

    outcome = cloud.deploy("dropped", {"Resources": {"Logs": resource("Logs::LogGroup", properties)}})
    cloud.delete("dropped")

    assert outcome.failures == (
        Failed(
            "Logs",
            "CREATE_FAILED",
            "the local cloud has no FieldIndexPolicies for AWS::Logs::LogGroup; it would be dropped",
        ),
    )
    assert cloud.client("logs").describe_log_groups(logGroupNamePrefix="/dropped")["logGroups"] == []


def test_an_update_has_events_for_what_it_changes_alone(cloud: Cloud) -> None:
    kept = resource("SQS::Queue", {"VisibilityTimeout": 10})
    cloud.deploy("partly", {"Resources": {"Kept": kept, "Other": kept}})
    longer = resource("SQS::Queue", {"VisibilityTimeout": 20})

    cloud.deploy("partly", {"Resources": {"Kept": kept, "Other": longer, "More": kept}})
    events = cloud.client("cloudformation").describe_stack_events(StackName="partly")["StackEvents"]
    cloud.delete("partly")

    told = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in events]
    assert {name for name, status in told if status == "UPDATE_COMPLETE"} == {"partly", "More", "Other"}
    assert ("Kept", "CREATE_COMPLETE") in told


def test_a_failed_update_goes_back_to_what_was(cloud: Cloud) -> None:
    queue = resource("SQS::Queue", {"VisibilityTimeout": 10})
    cloud.deploy("back", {"Resources": {"Queue": queue}})
    url = cloud.resources("back")["Queue"]
    broken = {
        "Queue": resource("SQS::Queue", {"VisibilityTimeout": 20}),
        "Wrong": resource("SNS::Topic", {"Nonsense": "x"}, DependsOn="Queue"),
    }

    outcome = cloud.deploy("back", {"Resources": broken})
    timeout = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])[
        "Attributes"
    ]
    cloud.delete("back")

    assert (outcome.status, timeout) == ("UPDATE_ROLLBACK_COMPLETE", {"VisibilityTimeout": "10"})


def test_a_bucket_with_objects_is_not_deleted(cloud: Cloud) -> None:
    cloud.deploy("full", {"Resources": {"Bucket": resource("S3::Bucket")}})
    bucket = cloud.resources("full")["Bucket"]
    cloud.client("s3").put_object(Bucket=bucket, Key="k", Body=b"v")

    refused = cloud.delete("full")
    cloud.client("s3").delete_object(Bucket=bucket, Key="k")
    deleted = cloud.delete("full")

    assert refused.status == "DELETE_FAILED"
    assert "not empty" in refused.failures[0].reason
    assert deleted.status == "DELETE_COMPLETE"


def test_a_resource_kept_except_on_create_goes_with_a_failed_creation_only(cloud: Cloud) -> None:
    kept = resource("SQS::Queue", DeletionPolicy="RetainExceptOnCreate")
    wrong = resource("SNS::Topic", {"Nonsense": "x"}, DependsOn="Queue")
    count = len(cloud.client("sqs").list_queues().get("QueueUrls", []))

    failed = cloud.deploy("kept", {"Resources": {"Queue": kept, "Wrong": wrong}})
    after_failure = len(cloud.client("sqs").list_queues().get("QueueUrls", []))
    cloud.delete("kept")
    cloud.deploy("kept", {"Resources": {"Queue": kept}})
    url = cloud.resources("kept")["Queue"]
    cloud.delete("kept")

    assert (failed.status, after_failure) == ("ROLLBACK_COMPLETE", count)
    assert url in cloud.client("sqs").list_queues()["QueueUrls"]


def test_a_protected_stack_is_not_deleted(cloud: Cloud) -> None:
    cloudformation = cloud.client("cloudformation")
    cloud.deploy("protected", {"Resources": {"Topic": resource("SNS::Topic")}})
    cloudformation.update_termination_protection(StackName="protected", EnableTerminationProtection=True)

    with pytest.raises(cloudformation.exceptions.ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="protected")

    cloudformation.update_termination_protection(StackName="protected", EnableTerminationProtection=False)
    assert cloud.delete("protected").status == "DELETE_COMPLETE"


def test_two_stacks_in_turn_with_one_name_share_no_physical_names(cloud: Cloud) -> None:
    template = {"Resources": {"Bucket": resource("S3::Bucket", DeletionPolicy="Retain")}}

    cloud.deploy("twice", template)
    first = cloud.resources("twice")["Bucket"]
    cloud.delete("twice")
    outcome = cloud.deploy("twice", template)
    second = cloud.resources("twice")["Bucket"]
    cloud.delete("twice")

    assert outcome.status == "CREATE_COMPLETE"
    assert first != second


def test_a_rule_that_stands_alone_leaves_the_group_with_its_stack(cloud: Cloud) -> None:
    group = resource("EC2::SecurityGroup", {"GroupDescription": "g", "VpcId": ref("Vpc")})
    vpc = resource("EC2::VPC", {"CidrBlock": "10.30.0.0/16"})
    properties = {
        "GroupId": att("Group", "GroupId"),
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "CidrIp": "10.0.0.0/8",
    }
    rule = resource("EC2::SecurityGroupIngress", properties)
    cloud.deploy("rules", {"Resources": {"Vpc": vpc, "Group": group, "Rule": rule}})
    identifier = cloud.resources("rules")["Group"]

    cloud.deploy("rules", {"Resources": {"Vpc": vpc, "Group": group}})
    found = cloud.client("ec2").describe_security_groups(GroupIds=[identifier])["SecurityGroups"][0]
    cloud.delete("rules")

    assert found["IpPermissions"] == []
