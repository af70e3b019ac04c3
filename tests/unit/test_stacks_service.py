"""What serves traffic: counts, rollouts, targets, rules, scaling and alarms."""

from __future__ import annotations

from typing import Any

from infra.stacks import Output, service_order
from tests.shipyard import config, properties, stack, template


def _of_type(environment: str, part: str, kind: str) -> dict[str, Any]:
    found = template(environment, part)["Resources"].items()
    return {title: resource["Properties"] for title, resource in found if resource["Type"] == kind}


def test_a_service_rolls_without_a_gap_and_rolls_back_after_the_failures_of_its_manifest() -> None:
    assert properties("staging", "movies", "WebService")["DeploymentConfiguration"] == {
        "DeploymentCircuitBreaker": {
            "Enable": True,
            "Rollback": True,
            "ThresholdConfiguration": {"Type": "COUNT", "Value": 2},
        },
        "EarlySuccessCriteria": {
            "Enable": True,
            "HealthyPercent": 100,
            "SourceServiceRevisionCleanup": "DEFERRED",
        },
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
    }


def test_a_singleton_stops_before_its_successor_starts() -> None:
    beat = properties("staging", "reviews", "BeatService")

    assert beat["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
    assert beat["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert beat["AvailabilityZoneRebalancing"] == "DISABLED"
    assert beat["DesiredCount"] == 1


def test_a_process_may_have_no_task_at_all() -> None:
    assert properties("staging", "mailer", "SendLateService")["DesiredCount"] == 0


def test_tasks_on_hosts_are_spread_by_zone_and_host() -> None:
    web = properties("staging", "movies", "WebService")

    assert web["CapacityProviderStrategy"] == [{"CapacityProvider": {"Ref": "CapacityProvider"}, "Weight": 1}]
    assert web["PlacementStrategies"] == [
        {"Type": "spread", "Field": "attribute:ecs.availability-zone"},
        {"Type": "spread", "Field": "instanceId"},
        {"Type": "binpack", "Field": "memory"},
    ]
    assert "LaunchType" not in web


def test_tasks_on_fargate_have_a_network_and_spot_beyond_the_first() -> None:
    web = properties("fargate", "movies", "WebService")

    assert web["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 1},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 4},
    ]
    assert web["NetworkConfiguration"]["AwsvpcConfiguration"] == {
        "AssignPublicIp": "ENABLED",
        "SecurityGroups": [{"Ref": "TasksSecurityGroupId"}],
        "Subnets": {"Ref": "TaskSubnetIds"},
    }
    assert "PlacementStrategies" not in web


def test_a_service_has_its_own_name_on_the_internal_balancer_and_waits_for_its_rule() -> None:
    rule = properties("staging", "reviews", "WebRule")
    web = template("staging", "reviews")["Resources"]["WebService"]

    assert rule == {
        "Actions": [{"TargetGroupArn": {"Ref": "WebTargetGroup"}, "Type": "forward"}],
        "Conditions": [
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["reviews.staging.internal"]}}
        ],
        "ListenerArn": {"Ref": "InternalListenerArn"},
        "Priority": 43922,
    }
    assert web["DependsOn"] == "WebRule"
    assert web["Properties"]["HealthCheckGracePeriodSeconds"] == 60


def test_a_priority_in_the_manifest_wins() -> None:
    assert properties("staging", "movies", "WebRule")["Priority"] == 77


def test_the_gateway_takes_every_request_from_outside() -> None:
    rule = properties("staging", "gateway", "WebRule")

    assert rule["ListenerArn"] == {"Ref": "PublicListenerArn"}
    assert rule["Conditions"] == [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}]
    assert stack("staging", "gateway").parameters["PublicListenerArn"] == Output("edge", "PublicListenerArn")


def test_targets_are_asked_on_the_manifests_path_and_drain_as_long_as_it_says() -> None:
    hosts, fargate = (properties(name, "reviews", "WebTargetGroup") for name in ("staging", "fargate"))
    attributes = {item["Key"]: item["Value"] for item in hosts["TargetGroupAttributes"]}

    assert hosts["HealthCheckPath"] == "/ready"
    assert attributes["deregistration_delay.timeout_seconds"] == "20"
    assert (hosts["TargetType"], fargate["TargetType"]) == ("instance", "ip")


def test_scaling_follows_the_processor_and_the_age_of_the_oldest_message() -> None:
    (target,) = _of_type("staging", "reviews", "AWS::ApplicationAutoScaling::ScalableTarget").values()
    policies = _of_type("staging", "reviews", "AWS::ApplicationAutoScaling::ScalingPolicy")

    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert target["ResourceId"] == {
        "Fn::Join": ["/", ["service", {"Ref": "ClusterName"}, {"Fn::GetAtt": ["WorkerService", "Name"]}]]
    }
    goals = {
        name: policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for name, policy in policies.items()
    }
    assert goals == {"WorkerScalingPolicy": 70, "WorkerAgePolicy": 120}


def test_alarms_tell_the_environments_topic() -> None:
    alarms = _of_type("staging", "reviews", "AWS::CloudWatch::Alarm")

    assert sorted(alarms) == ["BeatBusy", "DeadLetters", "WebBusy", "WebErrors", "WebUnhealthy", "WorkerBusy"]
    assert {alarm["AlarmActions"][0]["Ref"] for alarm in alarms.values()} == {"TopicArn"}
    assert {alarm["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}


def test_a_service_records_the_tasks_that_prepared_it() -> None:
    parameters = stack("staging", "tokens").parameters
    tasks = ("Clients", "Migrate", "Provision", "Web")

    recorded = {name for name in parameters if name.endswith("TaskDefinition")}

    assert recorded == {f"{task}TaskDefinition" for task in tasks}
    assert parameters["MigrateTaskDefinition"] == Output("tokens-release", "MigrateTaskDefinition")


def test_services_come_after_those_they_call_and_the_gateway_last() -> None:
    names = [service.name for service in service_order(config("staging"))]

    assert names == ["tokens", "movies", "reviews", "mailer", "gateway"]
