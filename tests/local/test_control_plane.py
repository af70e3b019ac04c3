"""Stacks on the local cloud: every type that the control plane makes is deployed and looked at, so that
nothing is dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.local.control_plane_template import POLICY, att, ref, resource

from tests.local import control_plane_template as templates
from tests.local.cloud import Cloud, Failed

TAG = {"Key": "estaleiro:environment", "Value": "test"}


@dataclass(frozen=True)
class Deployed:
    """The stack of everything, deployed once."""

    cloud: Cloud
    outputs: Mapping[str, str]
    ids: Mapping[str, str]

    def call(self, service: str, operation: str, **values: Any) -> Any:
        return getattr(self.cloud.client(service), operation)(**values)


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Deployed:
    outcome = cloud.deploy("everything", templates.everything(), Tags=[TAG])
    assert (outcome.status, outcome.failures) == ("CREATE_COMPLETE", ())
    return Deployed(cloud, outcome.outputs, cloud.resources("everything"))


def fields(record: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: record.get(name) for name in names}


def test_a_vpc_keeps_its_dns_settings(stack: Deployed) -> None:
    found = [
        stack.call("ec2", "describe_vpc_attribute", VpcId=stack.ids["Vpc"], Attribute=name)[key]["Value"]
        for name, key in (
            ("enableDnsHostnames", "EnableDnsHostnames"),
            ("enableDnsSupport", "EnableDnsSupport"),
        )
    ]

    assert found == [True, True]


def test_subnets_keep_zone_range_and_public_addresses(stack: Deployed) -> None:
    wanted = [stack.ids["PublicB"], stack.ids["PrivateA"]]

    found = stack.call("ec2", "describe_subnets", SubnetIds=wanted)["Subnets"]

    assert sorted(
        (each["CidrBlock"], each["AvailabilityZone"], each["MapPublicIpOnLaunch"]) for each in found
    ) == [
        ("10.20.1.0/24", "eu-west-1b", True),
        ("10.20.10.0/24", "eu-west-1a", False),
    ]


def test_routes_lead_to_the_gateways(stack: Deployed) -> None:
    wanted = [stack.ids["PublicRoutes"], stack.ids["PrivateRoutes"]]

    tables = stack.call("ec2", "describe_route_tables", RouteTableIds=wanted)["RouteTables"]

    routes = {
        table["RouteTableId"]: next(
            route for route in table["Routes"] if route["DestinationCidrBlock"] == "0.0.0.0/0"
        )
        for table in tables
    }
    assert routes[stack.ids["PublicRoutes"]]["GatewayId"] == stack.ids["Gateway"]
    assert routes[stack.ids["PrivateRoutes"]]["NatGatewayId"] == stack.ids["Nat"]
    associated = {
        table["RouteTableId"]: [each["SubnetId"] for each in table["Associations"]] for table in tables
    }
    assert associated[stack.ids["PublicRoutes"]] == [stack.ids["PublicA"]]


def test_a_nat_gateway_has_the_stacks_address(stack: Deployed) -> None:
    found = stack.call("ec2", "describe_nat_gateways", NatGatewayIds=[stack.ids["Nat"]])["NatGateways"][0]

    assert found["NatGatewayAddresses"][0]["PublicIp"] == stack.ids["Address"]
    assert fields(found, "SubnetId", "ConnectivityType", "State") == {
        "SubnetId": stack.ids["PublicA"],
        "ConnectivityType": "public",
        "State": "available",
    }


def test_security_groups_hold_their_own_rules_and_those_that_stand_alone(stack: Deployed) -> None:
    wanted = [stack.ids["Hosts"], stack.ids["Balancer"]]

    groups = stack.call("ec2", "describe_security_groups", GroupIds=wanted)["SecurityGroups"]

    found = {group["GroupId"]: group for group in groups}
    hosts, balancer = (found[identifier] for identifier in wanted)
    pair = hosts["IpPermissions"][0]["UserIdGroupPairs"][0]
    assert fields(hosts["IpPermissions"][0], "FromPort", "ToPort") == {"FromPort": 32768, "ToPort": 60999}
    assert (pair["GroupId"], pair["Description"]) == (stack.ids["Balancer"], "dynamic ports")
    assert balancer["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "https"}]
    out = [pair for rule in balancer["IpPermissionsEgress"] for pair in rule["UserIdGroupPairs"]]
    assert [(each["GroupId"], each["Description"]) for each in out] == [(stack.ids["Hosts"], "to hosts")]


def test_endpoints_keep_policy_routes_and_groups(stack: Deployed) -> None:
    gateway = stack.call("ec2", "describe_vpc_endpoints", VpcEndpointIds=[stack.ids["S3Endpoint"]])[
        "VpcEndpoints"
    ][0]
    connect = stack.call("ec2", "describe_instance_connect_endpoints")["InstanceConnectEndpoints"][0]

    assert json.loads(gateway["PolicyDocument"]) == POLICY
    assert fields(gateway, "RouteTableIds", "VpcEndpointType") == {
        "RouteTableIds": [stack.ids["PrivateRoutes"]],
        "VpcEndpointType": "Gateway",
    }
    assert fields(
        connect, "InstanceConnectEndpointId", "SubnetId", "SecurityGroupIds", "PreserveClientIp"
    ) == {
        "InstanceConnectEndpointId": stack.ids["Connect"],
        "SubnetId": stack.ids["PrivateA"],
        "SecurityGroupIds": [stack.ids["Hosts"]],
        "PreserveClientIp": False,
    }


def test_a_role_keeps_path_boundary_and_all_its_policies(stack: Deployed) -> None:
    name = stack.ids["Role"]

    role = stack.call("iam", "get_role", RoleName=name)["Role"]
    inline = stack.call("iam", "list_role_policies", RoleName=name)["PolicyNames"]
    attached = stack.call("iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]

    assert fields(role, "Path", "MaxSessionDuration", "Description") == {
        "Path": "/estaleiro/test/",
        "MaxSessionDuration": 7200,
        "Description": "a host's role",
    }
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == stack.ids["Boundary"]
    assert sorted(inline) == ["alone", "apart", "inline"]
    assert [each["PolicyArn"] for each in attached] == [stack.ids["Boundary"]]


def test_an_instance_profile_is_referred_to_by_name(stack: Deployed) -> None:
    found = stack.call("iam", "get_instance_profile", InstanceProfileName=stack.ids["Profile"])[
        "InstanceProfile"
    ]

    assert (found["Path"], [role["RoleName"] for role in found["Roles"]]) == (
        "/estaleiro/test/",
        [stack.ids["Role"]],
    )


def test_an_identity_provider_keeps_clients_and_thumbprints(stack: Deployed) -> None:
    arn = stack.ids["Oidc"]

    found = stack.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)

    assert fields(found, "ClientIDList", "ThumbprintList") == {
        "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": ["6938fd4d98bab03faadb97b34396831e3780aea1"],
    }


def test_a_key_rotates_and_has_its_alias(stack: Deployed) -> None:
    key = stack.ids["Key"]

    rotates = stack.call("kms", "get_key_rotation_status", KeyId=key)["KeyRotationEnabled"]
    aliases = stack.call("kms", "list_aliases")["Aliases"]

    assert rotates is True
    assert ("alias/estaleiro-test", key) in [(each["AliasName"], each["TargetKeyId"]) for each in aliases]


def test_a_group_of_hosts_keeps_its_mixed_instances_policy(stack: Deployed) -> None:
    found = stack.call(
        "autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[stack.ids["Group"]]
    )

    group = found["AutoScalingGroups"][0]
    names = (
        "MinSize",
        "MaxSize",
        "DesiredCapacity",
        "CapacityRebalance",
        "MaxInstanceLifetime",
        "DefaultInstanceWarmup",
    )
    assert [group[name] for name in names] == [0, 4, 0, True, 604800, 60]
    policy = group["MixedInstancesPolicy"]
    assert (
        policy["LaunchTemplate"]["LaunchTemplateSpecification"]["LaunchTemplateId"] == stack.ids["Template"]
    )
    assert policy["InstancesDistribution"]["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert group["VPCZoneIdentifier"] == f"{stack.ids['PrivateA']},{stack.ids['PrivateB']}"
    assert {tag["Key"] for tag in group["Tags"] if tag["PropagateAtLaunch"]} >= {"Name", TAG["Key"]}


def test_a_launch_template_keeps_all_its_data(stack: Deployed) -> None:
    found = stack.call("ec2", "describe_launch_template_versions", LaunchTemplateId=stack.ids["Template"])

    data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert fields(data["MetadataOptions"], "HttpTokens", "HttpPutResponseHopLimit") == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
    }
    assert data["BlockDeviceMappings"][0]["Ebs"] == {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}
    assert data["SecurityGroupIds"] == [stack.ids["Hosts"]]


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
