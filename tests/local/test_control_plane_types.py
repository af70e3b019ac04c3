"""Storage, edge and observation of a stack as describe calls show them: nothing is dropped."""

from __future__ import annotations

import json

from tests.local import templates
from tests.local.cloud import Cloud
from tests.local.deployed import TAG, Deployed, fields
from tests.local.templates import POLICY


def test_a_bucket_keeps_encryption_lifecycle_versions_and_privacy(stack: Deployed) -> None:
    bucket = {"Bucket": stack.ids["Bucket"]}

    encryption = stack.call("s3", "get_bucket_encryption", **bucket)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    rules = stack.call("s3", "get_bucket_lifecycle_configuration", **bucket)["Rules"]
    versions = stack.call("s3", "get_bucket_versioning", **bucket)["Status"]
    privacy = stack.call("s3", "get_public_access_block", **bucket)["PublicAccessBlockConfiguration"]
    owner = stack.call("s3", "get_bucket_ownership_controls", **bucket)["OwnershipControls"]["Rules"]

    assert encryption == [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}
    ]
    assert rules == [
        {
            "ID": "old",
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {"ID": "locks", "Filter": {"Prefix": "locks/"}, "Status": "Enabled", "Expiration": {"Days": 3}},
    ]
    assert (versions, set(privacy.values()), owner) == (
        "Enabled",
        {True},
        [{"ObjectOwnership": "BucketOwnerEnforced"}],
    )


def test_a_queue_keeps_timeouts_dead_letters_and_policy(stack: Deployed) -> None:
    found = stack.call("sqs", "get_queue_attributes", QueueUrl=stack.ids["Queue"], AttributeNames=["All"])[
        "Attributes"
    ]

    assert fields(found, "VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled") == {
        "VisibilityTimeout": "120",
        "ReceiveMessageWaitTimeSeconds": "10",
        "SqsManagedSseEnabled": "true",
    }
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 5
    assert json.loads(found["Policy"]) == POLICY


def test_a_secret_is_referred_to_by_arn_and_follows_its_rules(stack: Deployed) -> None:
    arn = stack.outputs["SecretArn"]

    value = json.loads(stack.call("secretsmanager", "get_secret_value", SecretId=arn)["SecretString"])
    described = stack.call("secretsmanager", "describe_secret", SecretId=arn)

    assert arn.startswith("arn:aws:secretsmanager:eu-west-1:000000000000:secret:everything-Secret-")
    assert value["username"] == "reviews_app"
    assert len(value["password"]) == 40 and value["password"].isalnum()
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 30}


def test_logs_parameters_and_repositories_keep_what_was_said(stack: Deployed) -> None:
    group = stack.call("logs", "describe_log_groups", logGroupNamePrefix="/estaleiro/test/reviews")[
        "logGroups"
    ][0]
    parameter = stack.call("ssm", "get_parameter", Name="/estaleiro/test/x")["Parameter"]
    repository = stack.call("ecr", "describe_repositories", repositoryNames=["estaleiro-test"])[
        "repositories"
    ][0]

    assert (group["retentionInDays"], parameter["Value"]) == (14, "1")
    assert fields(
        repository, "imageTagMutability", "imageScanningConfiguration", "encryptionConfiguration"
    ) == {
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


def test_a_private_zone_belongs_to_its_vpc_and_holds_the_records(stack: Deployed) -> None:
    zone = stack.call("route53", "get_hosted_zone", Id=stack.ids["Zone"])
    records = stack.call("route53", "list_resource_record_sets", HostedZoneId=stack.ids["Zone"])[
        "ResourceRecordSets"
    ]

    assert zone["HostedZone"]["Config"] == {"Comment": "services", "PrivateZone": True}
    assert zone["VPCs"] == [{"VPCRegion": "eu-west-1", "VPCId": stack.ids["Vpc"]}]
    alias = next(record for record in records if record["Name"] == "movies.test.internal.")
    assert alias["AliasTarget"]["DNSName"].rstrip(".") == stack.outputs["BalancerName"]


def test_a_balancer_keeps_attributes_listener_rule_and_target_group(stack: Deployed) -> None:
    balancer = stack.call("elbv2", "describe_load_balancers", LoadBalancerArns=[stack.ids["Internal"]])[
        "LoadBalancers"
    ][0]
    attributes = stack.call(
        "elbv2", "describe_load_balancer_attributes", LoadBalancerArn=stack.ids["Internal"]
    )["Attributes"]
    rules = stack.call("elbv2", "describe_rules", ListenerArn=stack.ids["Listener"])["Rules"]
    target = stack.call("elbv2", "describe_target_groups", TargetGroupArns=[stack.ids["Target"]])[
        "TargetGroups"
    ][0]

    assert fields(balancer, "Scheme", "VpcId", "SecurityGroups") == {
        "Scheme": "internal",
        "VpcId": stack.ids["Vpc"],
        "SecurityGroups": [stack.ids["Balancer"]],
    }
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "65"} in attributes
    rule = next(rule for rule in rules if rule["Priority"] == "1234")
    assert rule["Conditions"][0]["HostHeaderConfig"] == {"Values": ["movies.test.internal"]}
    assert rule["Actions"][0]["TargetGroupArn"] == stack.ids["Target"]
    names = (
        "HealthCheckPath",
        "HealthCheckIntervalSeconds",
        "HealthyThresholdCount",
        "UnhealthyThresholdCount",
        "TargetType",
    )
    assert [target[name] for name in names] == ["/health/ready", 10, 2, 3, "instance"]


def test_a_certificate_is_issued_for_all_its_names(stack: Deployed) -> None:
    found = stack.call("acm", "describe_certificate", CertificateArn=stack.ids["Certificate"])["Certificate"]

    assert (found["Status"], found["SubjectAlternativeNames"]) == (
        "ISSUED",
        ["test.example.org", "*.test.example.org"],
    )


def test_alarms_rules_and_schedules_keep_what_was_said(stack: Deployed) -> None:
    alarm = stack.call("cloudwatch", "describe_alarms", AlarmNames=[stack.ids["Alarm"]])["MetricAlarms"][0]
    rule = stack.call("events", "describe_rule", Name=stack.ids["Event"])
    schedule = stack.call("scheduler", "get_schedule", Name=stack.ids["Schedule"])

    names = ("Threshold", "DatapointsToAlarm", "TreatMissingData", "Statistic", "AlarmActions")
    assert [alarm[name] for name in names] == [600.0, 3, "notBreaching", "Maximum", [stack.ids["Topic"]]]
    assert json.loads(rule["EventPattern"])["source"] == ["aws.ecs"]
    assert fields(schedule, "ScheduleExpressionTimezone", "State") == {
        "ScheduleExpressionTimezone": "Europe/Lisbon",
        "State": "DISABLED",
    }
    assert schedule["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 600}


def test_a_scalable_target_and_its_policy_are_kept(stack: Deployed) -> None:
    target = stack.call("application-autoscaling", "describe_scalable_targets", ServiceNamespace="ecs")[
        "ScalableTargets"
    ][0]
    policy = stack.call("application-autoscaling", "describe_scaling_policies", ServiceNamespace="ecs")[
        "ScalingPolicies"
    ][0]

    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }


def test_stack_tags_reach_every_resource_that_can_be_found_by_tag(stack: Deployed) -> None:
    pages = stack.call(
        "resourcegroupstaggingapi",
        "get_resources",
        TagFilters=[{"Key": TAG["Key"], "Values": [TAG["Value"]]}],
    )["ResourceTagMappingList"]

    services = {each["ResourceARN"].split(":")[2] for each in pages}
    assert services == {
        "acm", "cloudwatch", "ec2", "ecr", "elasticloadbalancing", "events", "kms", "logs", "rds", "route53", "s3",
        "secretsmanager", "sns", "sqs", "ssm",
    }  # fmt: skip


def test_a_change_set_tells_what_is_replaced_and_what_values_change(stack: Deployed) -> None:
    changed = templates.everything()
    changed["Resources"]["Nat"]["Properties"]["ConnectivityType"] = "private"
    changed["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 60

    found = stack.cloud.change_set("everything", changed, Tags=[TAG])

    changes = {
        change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in found["Changes"]
    }
    assert changes["Nat"]["Replacement"] == "True"
    assert changes["Queue"]["Replacement"] == "False"
    target = changes["Queue"]["Details"][0]["Target"]
    assert fields(target, "Path", "BeforeValue", "AfterValue", "AttributeChangeType") == {
        "Path": "/Properties/VisibilityTimeout",
        "BeforeValue": "120",
        "AfterValue": "60",
        "AttributeChangeType": "Modify",
    }
    route = changes["PrivateDefault"]["Details"][0]["Target"]
    assert fields(route, "BeforeValue", "AfterValue") == {
        "BeforeValue": stack.ids["Nat"],
        "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}",
    }


def test_a_change_of_outputs_alone_is_a_change_without_changed_resources(cloud: Cloud) -> None:
    template = {
        "Parameters": {"Said": {"Type": "String"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"Said": {"Value": {"Ref": "Said"}}},
    }
    cloud.deploy("outputs", template, Parameters=said("one"))

    same = cloud.change_set("outputs", template, Parameters=said("one"))
    other = cloud.deploy("outputs", template, Parameters=said("two"))
    more = cloud.deploy(
        "outputs", template | {"Outputs": {"More": {"Value": "three"}}}, Parameters=said("two")
    )

    assert (same["Status"], same["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert (other.status, other.outputs) == ("UPDATE_COMPLETE", {"Said": "two"})
    assert (more.status, more.outputs) == ("UPDATE_COMPLETE", {"More": "three"})


def said(value: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "Said", "ParameterValue": value}]
