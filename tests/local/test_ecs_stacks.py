"""ECS in templates: a stack is done when its services have proved themselves, and undone when they have not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.cloud import Cloud
from tests.local.workloads import HEALTH, IMAGE, Ecs, build_image, get


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def network() -> dict[str, Any]:
    return {
        "Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16"),
        "Subnet": resource(
            "EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.9.1.0/24", AvailabilityZone="eu-west-1a"
        ),
        "Balancer": resource(
            "ElasticLoadBalancingV2::LoadBalancer", Scheme="internet-facing", Subnets=[ref("Subnet")]
        ),
        "Group": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            VpcId=ref("Vpc"),
            Port=80,
            Protocol="HTTP",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            TargetGroupAttributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
        ),
        "Listener": resource(
            "ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Group")}],
        ),
    }


def cluster() -> dict[str, Any]:
    template = {
        "LaunchTemplateId": ref("Template"),
        "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
    }
    provider = {
        "AutoScalingGroupArn": ref("Hosts"),
        "ManagedScaling": {"Status": "ENABLED", "TargetCapacity": 100},
    }
    return {
        "Template": resource("EC2::LaunchTemplate", LaunchTemplateData={"ImageId": "ami-12345678"}),
        "Hosts": resource(
            "AutoScaling::AutoScalingGroup",
            MinSize="1",
            MaxSize="2",
            VPCZoneIdentifier=[ref("Subnet")],
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": template,
                    "Overrides": [{"InstanceType": "t3a.medium"}],
                }
            },
        ),
        "Cluster": resource("ECS::Cluster"),
        "Provider": resource("ECS::CapacityProvider", AutoScalingGroupProvider=provider),
        "Association": resource(
            "ECS::ClusterCapacityProviderAssociations",
            Cluster=ref("Cluster"),
            CapacityProviders=[ref("Provider")],
            DefaultCapacityProviderStrategy=[{"CapacityProvider": ref("Provider"), "Weight": 1}],
        ),
    }


def service(count: int, **environment: str) -> dict[str, Any]:
    container = {
        "Name": "web",
        "Image": IMAGE,
        "Cpu": 128,
        "Memory": 128,
        "PortMappings": [{"ContainerPort": 8080}],
        "Environment": [{"Name": name, "Value": value} for name, value in environment.items()],
        "HealthCheck": {"Command": HEALTH, "Interval": 5, "Timeout": 3, "Retries": 2},
        "StopTimeout": 5,
        "ReadonlyRootFilesystem": True,
        "User": "10001:10001",
        "LinuxParameters": {"InitProcessEnabled": True, "Tmpfs": [{"ContainerPath": "/tmp", "Size": 16}]},
    }
    breaker = {"Enable": True, "Rollback": True, "ThresholdConfiguration": {"Type": "COUNT", "Value": 2}}
    return {
        "Definition": resource("ECS::TaskDefinition", NetworkMode="bridge", ContainerDefinitions=[container]),
        "Service": resource(
            "ECS::Service",
            Cluster=ref("Cluster"),
            TaskDefinition=ref("Definition"),
            DesiredCount=count,
            CapacityProviderStrategy=[{"CapacityProvider": ref("Provider"), "Weight": 1}],
            LoadBalancers=[{"ContainerName": "web", "ContainerPort": 8080, "TargetGroupArn": ref("Group")}],
            DeploymentConfiguration={"DeploymentCircuitBreaker": breaker},
        )
        | {"DependsOn": ["Listener", "Association"]},
    }


def template(count: int = 1, **environment: str) -> dict[str, Any]:
    outputs = {name: {"Value": ref(name)} for name in ("Cluster", "Service", "Definition")}
    outputs["Dns"] = {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}}
    return {"Resources": network() | cluster() | service(count, **environment), "Outputs": outputs}


@pytest.fixture
def stack(cloud: Cloud) -> Iterator[str]:
    build_image()
    name = f"svc-{uuid.uuid4().hex[:6]}"
    yield name
    if cloud.exists(name):
        assert cloud.delete(name).status == "DELETE_COMPLETE"


def test_a_stack_is_complete_when_its_service_serves(cloud: Cloud, stack: str) -> None:
    outcome = cloud.deploy(stack, template(2, VERSION="1"))

    assert (outcome.status, outcome.failures) == ("CREATE_COMPLETE", ())
    assert get(cloud.settings.edge_url, host=outcome.outputs["Dns"]) == "1"
    found = Ecs(cloud, outcome.outputs["Cluster"]).service(outcome.outputs["Service"])
    assert (found["runningCount"], found["deployments"][0]["rolloutState"]) == (2, "COMPLETED")


def test_a_broken_update_rolls_service_and_stack_back(cloud: Cloud, stack: str) -> None:
    before = cloud.deploy(stack, template(1, VERSION="1")).outputs

    outcome = cloud.deploy(stack, template(1, VERSION="2", CRASH="3"))

    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [(each.logical_id, each.status) for each in outcome.failures] == [("Service", "UPDATE_FAILED")]
    assert outcome.failures[0].reason.startswith(
        'Resource handler returned message: "Error occurred during operation '
        "'ECS Deployment Circuit Breaker was triggered'.\""
    )
    ecs = Ecs(cloud, before["Cluster"])
    assert ecs.service(before["Service"])["taskDefinition"] == before["Definition"]
    assert get(cloud.settings.edge_url, host=before["Dns"]) == "1"


def test_a_broken_first_release_leaves_nothing_running(cloud: Cloud, stack: str) -> None:
    outcome = cloud.deploy(stack, template(1, CRASH="3"))

    assert outcome.status == "ROLLBACK_COMPLETE"
    assert [each.logical_id for each in outcome.failures] == ["Service"]


def test_a_changed_count_needs_no_new_deployment(cloud: Cloud, stack: str) -> None:
    before = cloud.deploy(stack, template(1, VERSION="1")).outputs

    outcome = cloud.deploy(stack, template(2, VERSION="1"))

    ecs = Ecs(cloud, before["Cluster"])
    listed = ecs.api.list_service_deployments(cluster=ecs.cluster, service=before["Service"])[
        "serviceDeployments"
    ]
    assert (outcome.status, len(listed)) == ("UPDATE_COMPLETE", 1)
    assert ecs.service(before["Service"])["runningCount"] == 2


def test_every_nested_property_of_a_task_definition_arrives(cloud: Cloud, stack: str) -> None:
    outputs = cloud.deploy(stack, template(1, VERSION="1")).outputs

    answer = cloud.client("ecs").describe_task_definition(taskDefinition=outputs["Definition"])
    found = answer["taskDefinition"]["containerDefinitions"][0]

    assert {
        name: found[name] for name in ("healthCheck", "linuxParameters", "portMappings", "stopTimeout")
    } == {
        "healthCheck": {"command": HEALTH, "interval": 5, "timeout": 3, "retries": 2},
        "linuxParameters": {"initProcessEnabled": True, "tmpfs": [{"containerPath": "/tmp", "size": 16}]},
        "portMappings": [{"containerPort": 8080}],
        "stopTimeout": 5,
    }
