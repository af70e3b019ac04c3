"""Services, their deployments, their task definitions and their hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.ecs import Deployment, Host, Rollback, ServiceDeployment, ServiceEvent, ServiceState
from infra.errors import AwsError, NotFound
from tests import aws_account
from tests.aws_account import REGION, Script

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLUSTER = "yard-staging"


def test_a_service_is_described_with_its_deployments_and_events() -> None:
    deployment = {
        "id": "ecs-svc/2",
        "status": "PRIMARY",
        "taskDefinition": "td:2",
        "desiredCount": 2,
        "runningCount": 1,
        "pendingCount": 1,
        "failedTasks": 3,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": "ECS deployment ecs-svc/2 in progress.",
        "createdAt": NOON,
    }
    whole = service("reviews") | {
        "deployments": [deployment],
        "events": [
            {"id": "e1", "createdAt": NOON, "message": "(service reviews) was unable to place a task"}
        ],
        "loadBalancers": [{"targetGroupArn": "tg-1", "containerName": "web", "containerPort": 8080}],
    }
    script = Script("ecs").answers(
        "describe_services", {"services": [whole]}, asked={"cluster": CLUSTER, "services": ["reviews"]}
    )

    with script.account() as aws:
        services = aws.ecs.services(CLUSTER, ["reviews"])

    expected = Deployment(
        id="ecs-svc/2",
        status="PRIMARY",
        task_definition="td:2",
        desired=2,
        running=1,
        pending=1,
        failed=3,
        rollout="IN_PROGRESS",
        rollout_reason="ECS deployment ecs-svc/2 in progress.",
        created=NOON,
    )
    assert services == {
        "reviews": ServiceState(
            name="reviews",
            arn="arn:service/reviews",
            status="ACTIVE",
            desired=2,
            running=1,
            pending=1,
            task_definition="td:2",
            deployments=(expected,),
            events=(ServiceEvent("e1", NOON, "(service reviews) was unable to place a task"),),
            target_groups=("tg-1",),
        )
    }
    assert services["reviews"].primary == expected


def test_services_are_asked_for_by_the_ten_and_deleted_ones_are_left_out() -> None:
    names = [f"s{number}" for number in range(11)]
    script = (
        Script("ecs")
        .answers(
            "describe_services",
            {"services": [service("s0"), service("s1") | {"status": "INACTIVE"}]},
            asked={"cluster": CLUSTER, "services": names[:10]},
        )
        .answers("describe_services", {"services": []}, asked={"cluster": CLUSTER, "services": ["s10"]})
    )

    with script.account() as aws:
        assert list(aws.ecs.services(CLUSTER, names)) == ["s0"]


def test_a_rolled_back_deployment_is_finished_and_did_not_succeed() -> None:
    listed = {"serviceDeploymentArn": "d-2", "status": "ROLLBACK_SUCCESSFUL"}
    whole = {
        "serviceDeploymentArn": "d-2",
        "status": "ROLLBACK_SUCCESSFUL",
        "statusReason": "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        "targetServiceRevision": {"arn": "rev-2"},
        "createdAt": NOON,
        "startedAt": NOON,
        "finishedAt": NOON,
        "deploymentCircuitBreaker": {"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
        "rollback": {"reason": "circuit breaker", "serviceRevisionArn": "rev-1"},
    }
    script = (
        Script("ecs")
        .answers(
            "list_service_deployments",
            {"serviceDeployments": [listed]},
            asked={"cluster": CLUSTER, "service": "reviews", "createdAt": {"after": NOON}},
        )
        .answers(
            "describe_service_deployments",
            {"serviceDeployments": [whole]},
            asked={"serviceDeploymentArns": ["d-2"]},
        )
    )

    with script.account() as aws:
        (deployment,) = aws.ecs.service_deployments(CLUSTER, "reviews", created_after=NOON)

    assert deployment == ServiceDeployment(
        arn="d-2",
        status="ROLLBACK_SUCCESSFUL",
        status_reason="Service deployment rolled back because the circuit breaker threshold was exceeded.",
        target_revision="rev-2",
        created=NOON,
        started=NOON,
        finished=NOON,
        failures=3,
        threshold=3,
        rollback=Rollback("circuit breaker", "rev-1"),
    )
    assert (deployment.is_finished, deployment.succeeded) == (True, False)


@pytest.mark.parametrize(
    ("status", "finished", "succeeded"),
    [
        ("PENDING", False, False),
        ("IN_PROGRESS", False, False),
        ("STOP_REQUESTED", False, False),
        ("ROLLBACK_REQUESTED", False, False),
        ("ROLLBACK_IN_PROGRESS", False, False),
        ("SUCCESSFUL", True, True),
        ("STOPPED", True, False),
        ("ROLLBACK_SUCCESSFUL", True, False),
        ("ROLLBACK_FAILED", True, False),
    ],
)
def test_only_successful_is_success(status: str, finished: bool, succeeded: bool) -> None:
    deployment = ServiceDeployment("d", status, "", "rev")

    assert (deployment.is_finished, deployment.succeeded) == (finished, succeeded)


def test_deployments_of_all_pages_come_newest_first() -> None:
    def listed(*arns: str) -> list[dict[str, str]]:
        return [{"serviceDeploymentArn": arn} for arn in arns]

    whole = [
        {
            "serviceDeploymentArn": f"d-{number}",
            "status": "SUCCESSFUL",
            "createdAt": NOON + timedelta(hours=number),
        }
        for number in range(21)
    ]
    script = (
        Script("ecs")
        .answers("list_service_deployments", {"serviceDeployments": listed("d-0"), "nextToken": "more"})
        .answers(
            "list_service_deployments",
            {"serviceDeployments": listed(*(f"d-{number}" for number in range(1, 21)))},
            asked={"cluster": CLUSTER, "service": "reviews", "nextToken": "more"},
        )
        .answers("describe_service_deployments", {"serviceDeployments": whole[:20]})
        .answers("describe_service_deployments", {"serviceDeployments": whole[20:]})
    )

    with script.account() as aws:
        deployments = aws.ecs.service_deployments(CLUSTER, "reviews")

    assert [deployment.arn for deployment in deployments] == [f"d-{number}" for number in reversed(range(21))]


def test_a_revision_leads_to_its_task_definition() -> None:
    script = (
        Script("ecs")
        .answers("describe_service_revisions", {"serviceRevisions": [{"taskDefinition": "td:2"}]})
        .answers("describe_service_revisions", {"serviceRevisions": [], "failures": [{"arn": "rev-9"}]})
    )

    with script.account() as aws:
        assert aws.ecs.service_revision_task_definition("rev-2") == "td:2"
        with pytest.raises(NotFound, match="no service revision rev-9"):
            aws.ecs.service_revision_task_definition("rev-9")


def test_a_deployment_is_stopped_by_going_back() -> None:
    asked = {"serviceDeploymentArn": "d-2", "stopType": "ROLLBACK"}
    script = Script("ecs").answers("stop_service_deployment", {}, asked=asked)

    with script.account() as aws:
        aws.ecs.stop_service_deployment("d-2")


def test_a_service_is_scaled_without_anything_else_of_it_changing() -> None:
    script = (
        Script("ecs")
        .answers("update_service", {}, asked={"cluster": CLUSTER, "service": "reviews", "desiredCount": 0})
        .answers(
            "update_service", {}, asked={"cluster": CLUSTER, "service": "reviews", "forceNewDeployment": True}
        )
    )

    with script.account() as aws:
        aws.ecs.update_service(CLUSTER, "reviews", desired=0)
        aws.ecs.update_service(CLUSTER, "reviews", force=True)


def test_a_host_shows_what_room_it_has() -> None:
    whole = {
        "containerInstanceArn": "host-1",
        "ec2InstanceId": "i-1",
        "status": "ACTIVE",
        "agentConnected": True,
        "runningTasksCount": 2,
        "pendingTasksCount": 1,
        "registeredResources": [resource("CPU", 2048), resource("MEMORY", 3800)],
        "remainingResources": [resource("CPU", 1536), resource("MEMORY", 1200)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "arm64"}, {"name": "ecs.capability.x"}],
        "versionInfo": {"agentVersion": "1.99.0", "dockerVersion": "DockerVersion: 28.0"},
        "capacityProviderName": "hosts",
        "registeredAt": NOON,
    }
    script = (
        Script("ecs")
        .answers("list_container_instances", {"containerInstanceArns": ["host-1"]})
        .answers(
            "describe_container_instances",
            {"containerInstances": [whole]},
            asked={"cluster": CLUSTER, "containerInstances": ["host-1"]},
        )
    )

    with script.account() as aws:
        (host,) = aws.ecs.container_instances(CLUSTER)

    assert host == Host(
        arn="host-1",
        instance="i-1",
        status="ACTIVE",
        connected=True,
        running=2,
        pending=1,
        cpu=2048,
        memory=3800,
        free_cpu=1536,
        free_memory=1200,
        attributes={"ecs.cpu-architecture": "arm64", "ecs.capability.x": ""},
        agent="1.99.0",
        docker="DockerVersion: 28.0",
        provider="hosts",
        registered=NOON,
    )
    assert host.takes_tasks


def test_a_host_is_drained_activated_and_taken_out() -> None:
    def state(status: str) -> dict[str, Any]:
        return {"cluster": CLUSTER, "containerInstances": ["host-1"], "status": status}

    gone = {"cluster": CLUSTER, "containerInstance": "host-1", "force": True}
    script = (
        Script("ecs")
        .answers("update_container_instances_state", {}, asked=state("DRAINING"))
        .answers("update_container_instances_state", {}, asked=state("ACTIVE"))
        .answers("deregister_container_instance", {}, asked=gone)
        .refuses(
            "deregister_container_instance",
            "InvalidParameterException",
            "Referenced container instance not found.",
        )
    )

    with script.account() as aws:
        aws.ecs.drain_host(CLUSTER, "host-1")
        aws.ecs.activate_host(CLUSTER, "host-1")
        aws.ecs.deregister_host(CLUSTER, "host-1", force=True)
        aws.ecs.deregister_host(CLUSTER, "host-1", force=True)


def test_a_host_that_is_gone_cannot_be_drained() -> None:
    answer = {"failures": [{"arn": "host-1", "reason": "MISSING"}]}
    script = Script("ecs").answers("update_container_instances_state", answer)

    with (
        script.account() as aws,
        pytest.raises(NotFound, match="host host-1 cannot be set to DRAINING: MISSING"),
    ):
        aws.ecs.drain_host(CLUSTER, "host-1")


@pytest.fixture
def account() -> Iterator[Aws]:
    with mock_aws():
        aws_account.client("ecs", region_name=REGION).create_cluster(clusterName=CLUSTER)
        yield connect(REGION, environ={})


def test_a_task_definition_is_read_with_its_tags(account: Aws) -> None:
    registered("yard-staging-reviews-web", tags=[{"key": "yard:part", "value": "reviews-release"}])

    definition = account.ecs.task_definition("yard-staging-reviews-web")

    assert (definition["family"], definition["revision"]) == ("yard-staging-reviews-web", 1)
    assert definition["tags"] == {"yard:part": "reviews-release"}


def test_a_task_definition_that_is_not_there_is_not_found(account: Aws) -> None:
    with pytest.raises(NotFound):
        account.ecs.task_definition("absent")


def test_revisions_are_found_by_the_beginning_of_their_family() -> None:
    asked = {"familyPrefix": "yard-staging-", "status": "ALL"}
    script = (
        Script("ecs")
        .answers(
            "list_task_definition_families",
            {"families": ["yard-staging-web", "yard-staging-beat"]},
            asked=asked,
        )
        .answers(
            "list_task_definitions",
            {"taskDefinitionArns": ["beat:1"]},
            asked={"familyPrefix": "yard-staging-beat", "status": "ACTIVE", "sort": "DESC"},
        )
        .answers("list_task_definitions", {"taskDefinitionArns": ["web:2", "web:1"]})
    )

    with script.account() as aws:
        assert aws.ecs.task_definitions("yard-staging-") == ("beat:1", "web:2", "web:1")


def test_retired_revisions_are_no_longer_active(account: Aws) -> None:
    arn = registered("yard-staging-web")

    account.ecs.deregister_task_definition(arn)

    assert account.ecs.task_definition(arn)["status"] == "INACTIVE"


def test_revisions_are_deleted_by_the_ten_and_refusals_are_named() -> None:
    arns = [f"web:{number}" for number in range(11)]
    script = (
        Script("ecs")
        .answers(
            "delete_task_definitions",
            {"failures": [{"arn": "web:3", "reason": "is ACTIVE"}]},
            asked={"taskDefinitions": arns[:10]},
        )
        .answers("delete_task_definitions", {}, asked={"taskDefinitions": ["web:10"]})
    )

    with script.account() as aws, pytest.raises(AwsError, match=r"ECS did not delete web:3 \(is ACTIVE\)"):
        aws.ecs.delete_task_definitions(arns)


def test_services_are_listed_by_name(account: Aws) -> None:
    registered("yard-staging-web")
    for name in ("reviews", "movies"):
        aws_account.client("ecs", region_name=REGION).create_service(
            cluster=CLUSTER, serviceName=name, taskDefinition="yard-staging-web", desiredCount=0
        )

    assert account.ecs.list_services(CLUSTER) == ("movies", "reviews")


def test_the_services_of_no_cluster_are_not_found(account: Aws) -> None:
    with pytest.raises(NotFound, match="Cluster not found"):
        account.ecs.list_services("absent")


def service(name: str) -> dict[str, Any]:
    return {
        "serviceName": name,
        "serviceArn": f"arn:service/{name}",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 1,
        "pendingCount": 1,
        "taskDefinition": "td:2",
    }


def resource(name: str, value: int) -> dict[str, Any]:
    return {"name": name, "type": "INTEGER", "integerValue": value}


def registered(family: str, **more: Any) -> str:
    answer = aws_account.client("ecs", region_name=REGION).register_task_definition(
        family=family, containerDefinitions=[{"name": "web", "image": "yard:1", "memory": 64}], **more
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])
