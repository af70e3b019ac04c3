"""What holds for every template of every environment: each rule is a trap that somebody fell into."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra import naming
from infra.stacks import Output, Resolved
from infra.stacks.draft import metadata_sources
from tests.shipyard import ENVIRONMENTS, all_stacks, config, resources

STATEFUL = {
    "AWS::KMS::Key",
    "AWS::RDS::DBInstance",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
    "AWS::Logs::LogGroup",
    "AWS::ECR::Repository",
}
STATELESS = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CertificateManager::Certificate",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::EIP",
    "AWS::EC2::InstanceConnectEndpoint",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::NatGateway",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::Cluster",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Role",
    "AWS::IAM::ServiceLinkedRole",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::Route53::HostedZone",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
# Types whose custom name cannot be replaced, and the property that would give them one.
NAMES = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::ECS::CapacityProvider": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_output_that_is_asked_for_is_given_by_an_earlier_stack(environment: str) -> None:
    given: set[tuple[str, str]] = set()
    missing = []

    for stack in all_stacks(environment):
        asked = [value for value in stack.parameters.values() if isinstance(value, Output)]
        missing += [(stack.part, value) for value in asked if (value.part, value.key) not in given]
        given |= {(stack.part, key) for key in json.loads(stack.template).get("Outputs", {})}

    assert missing == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_metadata_says_what_feeds_each_parameter(environment: str) -> None:
    for stack in all_stacks(environment):
        template = json.loads(stack.template)

        assert metadata_sources(template) == stack.parameters
        assert set(template.get("Parameters", {})) == set(stack.parameters)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_outputs_travel_as_parameters_never_as_exports(environment: str) -> None:
    text = "".join(stack.template for stack in all_stacks(environment))

    assert "Fn::ImportValue" not in text
    assert '"Export"' not in text


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_what_runs_hosts_asks_for_their_image(environment: str) -> None:
    asking = {
        stack.part for stack in all_stacks(environment) if Resolved("host-image") in stack.parameters.values()
    }

    expected = {
        "local": {"cluster"},
        "staging": {"network", "cluster"},
        "production": {"cluster"},
        "fargate": set(),
        "coreos": {"cluster"},
    }
    assert asking == expected[environment]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_templates_fit_into_a_request_and_within_the_limits(environment: str) -> None:
    for stack in all_stacks(environment):
        template = json.loads(stack.template)

        assert len(stack.template.encode()) < 51_200, stack.part
        assert len(template["Resources"]) <= 500
        assert len(template.get("Outputs", {})) <= 200
        assert len(stack.name) <= 128
        assert len(stack.tags) <= 50


def test_the_same_configuration_gives_the_same_bytes() -> None:
    first = [stack.template for stack in all_stacks("staging")]
    all_stacks.cache_clear()

    assert [stack.template for stack in all_stacks("staging")] == first


def test_data_outlives_a_replacement_always_and_its_stack_where_it_is_protected() -> None:
    for where, resource, stack in resources(*STATEFUL):
        database = resource["Type"] == "AWS::RDS::DBInstance"
        kept = stack.protected or stack.part == naming.ACCOUNT_PART
        on_delete = ("Snapshot" if database else "RetainExceptOnCreate") if kept else "Delete"

        assert resource["UpdateReplacePolicy"] == ("Snapshot" if database else "Retain"), where
        assert resource["DeletionPolicy"] == on_delete, where


def test_protection_is_on_in_protected_environments() -> None:
    for where, resource, stack in resources("AWS::RDS::DBInstance"):
        assert resource["Properties"]["DeletionProtection"] is stack.protected, where
        assert resource["Properties"]["DeleteAutomatedBackups"] is not stack.protected, where
    for where, resource, stack in resources("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        attributes = {item["Key"]: item["Value"] for item in resource["Properties"]["LoadBalancerAttributes"]}
        assert attributes["deletion_protection.enabled"] == str(stack.protected).lower(), where


def test_a_type_is_known_to_hold_data_or_not() -> None:
    """A new type makes this fail: decide whether it holds data, and add it to the right list."""
    used = {resource["Type"] for _, resource, _ in resources()}

    assert used == STATEFUL | STATELESS


def test_a_generated_secret_is_always_generated_the_same_way() -> None:
    for where, resource, _ in resources("AWS::SecretsManager::Secret"):
        generate = dict(resource["Properties"]["GenerateSecretString"])
        login = {"GenerateStringKey": "password"} if where.endswith("Login") else {}
        template = generate.pop("SecretStringTemplate", None)

        assert generate == {"ExcludePunctuation": True, "PasswordLength": 32, **login}, where
        assert bool(template) == where.endswith("Login"), where


def test_task_definitions_stay_when_they_are_replaced_or_deleted() -> None:
    for where, resource, _ in resources("AWS::ECS::TaskDefinition"):
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), where


def test_every_role_of_an_environment_has_its_path_and_the_boundary() -> None:
    for where, resource, stack in resources("AWS::IAM::Role"):
        if stack.part == naming.ACCOUNT_PART:
            continue
        environment = where.partition("/")[0]
        boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/shipyard-boundary-eu-west-1"

        assert resource["Properties"]["Path"] == f"/shipyard/{environment}/", where
        assert resource["Properties"]["PermissionsBoundary"] == {"Fn::Sub": boundary}, where


def test_no_role_of_an_environment_has_a_managed_policy_or_an_action_of_every_kind() -> None:
    for where, resource, stack in resources("AWS::IAM::Role"):
        if stack.part == naming.ACCOUNT_PART:
            continue
        actions = [inner for key, inner in _walk(resource) if key == "Action" and isinstance(inner, list)]

        assert "ManagedPolicyArns" not in resource["Properties"], where
        assert not [action for group in actions for action in group if re.fullmatch(r"\*|\w+:\*", action)], (
            where
        )


def test_one_role_alone_may_read_a_master_secret() -> None:
    readers = {
        where
        for where, resource, stack in resources("AWS::IAM::Role")
        if "MasterUserSecret" in json.dumps(resource) or "MasterSecretArn" in json.dumps(resource)
    }

    shared = {f"{name}/database/ProvisionRole" for name in ("local", "staging", "production", "coreos")}
    dedicated = {f"fargate/{name}-database/ProvisionRole" for name in ("movies", "reviews", "tokens")}
    assert readers == shared | dedicated


def test_only_the_edge_is_open_to_everybody() -> None:
    open_to_all = {
        where.partition("/")[2]
        for where, resource, _ in resources("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress")
        for rule in [resource["Properties"], *resource["Properties"].get("SecurityGroupIngress", [])]
        if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule
    }
    facing = {
        where.partition("/")[2]
        for where, resource, _ in resources("AWS::ElasticLoadBalancingV2::LoadBalancer")
        if resource["Properties"]["Scheme"] != "internal"
    }
    public_data = [
        where
        for where, resource, _ in resources("AWS::RDS::DBInstance")
        if resource["Properties"]["PubliclyAccessible"]
    ]

    assert open_to_all == {"network/EdgeSecurityGroup"}
    assert facing == {"edge/PublicBalancer"}
    assert public_data == []


def test_instances_speak_imdsv2_alone_and_have_encrypted_volumes() -> None:
    for where, resource, _ in resources("AWS::EC2::LaunchTemplate"):
        data = resource["Properties"]["LaunchTemplateData"]

        assert data["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": 1,
            "HttpTokens": "required",
        }, where
        assert [mapping["Ebs"]["Encrypted"] for mapping in data["BlockDeviceMappings"]] == [True], where


def test_no_secret_stands_in_a_container_as_text() -> None:
    suspicious = re.compile("SECRET|PASSWORD|TOKEN|KEY")

    named = {
        entry["Name"]
        for _, resource, _ in resources("AWS::ECS::TaskDefinition")
        for entry in resource["Properties"]["ContainerDefinitions"][0]["Environment"]
        if suspicious.search(entry["Name"])
    }

    assert named == {"TOKEN_ISSUER", "KMS_KEY_ID"}  # where to ask, not what to keep


def test_containers_have_a_read_only_root_an_unprivileged_user_and_no_capability() -> None:
    for where, resource, _ in resources("AWS::ECS::TaskDefinition"):
        container = resource["Properties"]["ContainerDefinitions"][0]

        assert container["ReadonlyRootFilesystem"] is True, where
        assert container["User"] == "10001:10001", where
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}, where
        assert container["LinuxParameters"]["InitProcessEnabled"] is True, where
        assert "Privileged" not in container, where


def test_every_long_running_process_has_a_health_check() -> None:
    for environment in ENVIRONMENTS:
        for service in config(environment).services:
            release = next(s for s in all_stacks(environment) if s.part == naming.release_part(service.name))
            made = json.loads(release.template)["Resources"]
            checked = {
                resource["Properties"]["ContainerDefinitions"][0]["Name"]
                for resource in made.values()
                if resource["Type"] == "AWS::ECS::TaskDefinition"
                and "HealthCheck" in resource["Properties"]["ContainerDefinitions"][0]
            }

            assert checked == set(service.processes)


def test_queues_and_the_bucket_are_encrypted_and_refuse_plain_http() -> None:
    for where, resource, _ in resources("AWS::SQS::Queue"):
        assert resource["Properties"]["SqsManagedSseEnabled"] is True, where
    for where, resource, _ in resources("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        statement = resource["Properties"]["PolicyDocument"]["Statement"][0]
        assert statement["Effect"] == "Deny", where
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, where


def test_names_are_left_to_cloudformation() -> None:
    named = [
        where
        for where, resource, _ in resources(*NAMES)
        if NAMES[resource["Type"]] in resource.get("Properties", {})
    ]

    assert named == []


def test_what_scales_says_nothing_of_how_many_run() -> None:
    uncounted = {
        where
        for where, resource, _ in resources("AWS::ECS::Service")
        if "DesiredCount" not in resource["Properties"]
    }

    expected = {f"{name}/reviews/WorkerService" for name in ENVIRONMENTS} | {"production/movies/WebService"}
    assert uncounted == expected


def test_what_works_off_a_queue_scales_by_the_age_of_its_oldest_message() -> None:
    policies = {
        where: resource["Properties"]["TargetTrackingScalingPolicyConfiguration"]
        for where, resource, _ in resources("AWS::ApplicationAutoScaling::ScalingPolicy")
        if resource["Properties"]["PolicyName"] == "age"
    }

    assert set(policies) == {f"{name}/reviews/WorkerAgePolicy" for name in ENVIRONMENTS}
    for policy in policies.values():
        metric = policy["CustomizedMetricSpecification"]
        assert (policy["TargetValue"], metric["MetricName"]) == (120, "ApproximateAgeOfOldestMessage")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_tags_say_whose_a_stack_is(environment: str) -> None:
    services = {service.name for service in config(environment).services}
    for stack in all_stacks(environment):
        owner = stack.part.removesuffix("-release")
        own = {} if stack.part == naming.ACCOUNT_PART else {"shipyard:environment": environment}
        release = {"shipyard:release": f"{owner}-0123456789ab"} if owner in services else {}

        assert stack.tags == {"shipyard:part": stack.part, **own, **release}
