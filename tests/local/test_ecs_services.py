"""Services without balancers: replaced, rolled, rolled back, stopped and removed as ECS does it."""

from __future__ import annotations

import itertools
import time
from typing import Any

import botocore.exceptions
import pytest

from infra.local import engine
from tests.local.cloud import Cloud, wait_for
from tests.local.workloads import HEALTH, Ecs, build_image

CRASH = {"environment": [{"name": "CRASH", "value": "3"}]}
ILL = {"environment": [{"name": "ILL", "value": "1"}]}
CHECK = {"healthCheck": {"command": HEALTH, "interval": 5, "timeout": 5, "retries": 2}, "stopTimeout": 5}
BREAKER = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 2}}


@pytest.fixture(scope="module")
def ecs(cloud: Cloud) -> Ecs:
    build_image()
    cloud.client("ecs").create_cluster(clusterName="services")
    return Ecs(cloud, "services")


def version(text: str) -> dict[str, Any]:
    return {"environment": [{"name": "VERSION", "value": text}]}


def rollouts(ecs: Ecs, service: str) -> list[tuple[str, str, int]]:
    found = ecs.service(service)["deployments"]
    return [(each["status"], each["rolloutState"], each["runningCount"]) for each in found]


def test_a_service_runs_its_desired_tasks_and_says_so(ecs: Ecs) -> None:
    deployment = ecs.create("plain", ecs.define("plain", CHECK), desiredCount=2)

    assert ecs.finished(deployment)["status"] == "SUCCESSFUL"
    assert rollouts(ecs, "plain") == [("PRIMARY", "COMPLETED", 2)]
    said = ecs.events("plain")
    assert said[0].startswith("has started 2 tasks: (task ")
    assert said[1].endswith("deployment completed.")
    assert said[2:] == ["has reached a steady state."]
    ecs.remove("plain")


def test_a_killed_container_is_replaced(ecs: Ecs) -> None:
    ecs.finished(ecs.create("killed", ecs.define("killed", CHECK)))
    (old,) = ecs.tasks_of("killed")

    engine.client().api.kill(ecs.inspect(old)["Id"])

    def replaced() -> bool:
        running = ecs.tasks_of("killed")
        return running not in ([], [old]) and ecs.task(running[0])["healthStatus"] == "HEALTHY"

    wait_for("the replacement", replaced, seconds=20)
    ended = ecs.task(old)
    assert (ended["stopCode"], ended["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)
    ecs.remove("killed")


def test_a_deployment_replaces_tasks_one_version_after_the_other(ecs: Ecs) -> None:
    ecs.finished(ecs.create("rolled", ecs.define("rolled", CHECK | version("1")), desiredCount=2))
    before = set(ecs.tasks_of("rolled"))

    record = ecs.finished(ecs.update("rolled", taskDefinition=ecs.define("rolled", CHECK | version("2"))))

    assert record["status"] == "SUCCESSFUL"
    assert (record["targetServiceRevision"]["runningTaskCount"], len(record["sourceServiceRevisions"])) == (
        2,
        1,
    )
    assert not before & set(ecs.tasks_of("rolled"))
    assert [ecs.task(arn)["stopCode"] for arn in before] == ["ServiceSchedulerInitiated"] * 2
    ecs.remove("rolled")


def test_never_fewer_healthy_tasks_than_the_minimum_nor_more_than_the_maximum(ecs: Ecs) -> None:
    configuration = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    definition = ecs.define("bounded", CHECK)
    ecs.finished(ecs.create("bounded", definition, desiredCount=2, deploymentConfiguration=configuration))
    counts = set()

    deployment = ecs.update("bounded", forceNewDeployment=True)
    while ecs.deployment(deployment)["status"] == "IN_PROGRESS":
        arns = ecs.tasks_of("bounded")
        states = [ecs.task(arn) for arn in arns]
        counts.add((len(arns), sum(task["healthStatus"] == "HEALTHY" for task in states)))
        time.sleep(0.05)

    assert ecs.deployment(deployment)["status"] == "SUCCESSFUL"
    assert max(alive for alive, _ in counts) == 2
    assert min(healthy for _, healthy in counts) == 1
    ecs.remove("bounded")


def test_the_only_task_of_a_singleton_stops_before_the_next_one_starts(ecs: Ecs) -> None:
    configuration = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    ecs.finished(ecs.create("single", ecs.define("single", CHECK), deploymentConfiguration=configuration))
    (old,) = ecs.tasks_of("single")

    ecs.finished(ecs.update("single", forceNewDeployment=True))

    (new,) = ecs.tasks_of("single")
    assert ecs.task(new)["createdAt"] >= ecs.task(old)["stoppedAt"]
    ecs.remove("single")


@pytest.mark.parametrize(
    "broken",
    [pytest.param(CRASH, id="crashing"), pytest.param(CHECK | ILL, id="ill", marks=pytest.mark.slow)],
)
def test_the_circuit_breaker_rolls_a_broken_release_back(ecs: Ecs, broken: dict[str, Any]) -> None:
    good = ecs.define("guarded", CHECK)
    name = f"guarded-{len(broken)}"
    configuration = {"deploymentCircuitBreaker": BREAKER}
    ecs.finished(ecs.create(name, good, desiredCount=2, deploymentConfiguration=configuration))
    before = sorted(ecs.tasks_of(name))

    record = ecs.finished(ecs.update(name, taskDefinition=ecs.define("guarded", broken)))

    assert (record["status"], record["deploymentCircuitBreaker"]) == (
        "ROLLBACK_SUCCESSFUL", {"status": "TRIGGERED", "failureCount": 2, "threshold": 2},
    )  # fmt: skip
    assert record["statusReason"] == (
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    )
    assert ecs.service(name)["taskDefinition"] == good
    assert sorted(ecs.tasks_of(name)) == before
    primary = ecs.service(name)["deployments"][0]["id"]
    assert f"rolling back to deployment {primary}." in ecs.events(name)
    ecs.remove(name)


def test_a_first_deployment_that_fails_stops(ecs: Ecs) -> None:
    configuration = {"deploymentCircuitBreaker": BREAKER}

    record = ecs.finished(
        ecs.create("stillborn", ecs.define("stillborn", CRASH), deploymentConfiguration=configuration)
    )

    assert (record["status"], record["deploymentCircuitBreaker"]["failureCount"]) == ("STOPPED", 2)
    assert [
        (each["rolloutState"], each["failedTasks"]) for each in ecs.service("stillborn")["deployments"]
    ] == [("FAILED", 2)]
    ecs.remove("stillborn")


@pytest.mark.slow
def test_without_a_breaker_a_failing_service_is_tried_again_ever_more_slowly(ecs: Ecs) -> None:
    ecs.create("failing", ecs.define("failing", CRASH))

    wait_for(
        "five failures", lambda: ecs.service("failing")["deployments"][0]["failedTasks"] >= 5, seconds=40
    )

    listed = ecs.api.list_tasks(cluster=ecs.cluster, serviceName="failing", desiredStatus="STOPPED")[
        "taskArns"
    ]
    tries = sorted((ecs.task(arn) for arn in listed), key=lambda task: task["createdAt"])[:5]
    pauses = [
        (later["createdAt"] - earlier["stoppingAt"]).total_seconds()
        for earlier, later in itertools.pairwise(tries)
    ]
    assert pauses[-2] >= 1, pauses
    assert pauses[-1] >= 2, pauses
    assert any(event.startswith("is unable to consistently start tasks") for event in ecs.events("failing"))
    ecs.remove("failing")


@pytest.mark.slow
def test_an_unhealthy_container_is_replaced(ecs: Ecs) -> None:
    ecs.finished(ecs.create("ailing", ecs.define("ailing", CHECK)))
    (old,) = ecs.tasks_of("ailing")
    container = ecs.inspect(old)["Id"]

    made = engine.client().api.exec_create(
        container,
        ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/fall-ill')"],
    )
    engine.client().api.exec_start(made["Id"])

    assert ecs.ended(old)["stoppedReason"] == "Task failed container health checks"
    assert f"(task {old.rsplit('/', 1)[-1]}) failed container health checks." in ecs.events("ailing")
    ecs.remove("ailing")


def test_a_deployment_can_be_rolled_back_by_hand(ecs: Ecs) -> None:
    good = ecs.define("recalled", CHECK)
    ecs.finished(ecs.create("recalled", good))
    deployment = ecs.update("recalled", taskDefinition=ecs.define("recalled", CHECK | ILL))

    ecs.api.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")

    assert ecs.finished(deployment)["status"] == "ROLLBACK_SUCCESSFUL"
    assert ecs.service("recalled")["taskDefinition"] == good
    ecs.remove("recalled")


def test_a_deployment_can_be_stopped_where_it_is(ecs: Ecs) -> None:
    ecs.finished(ecs.create("halted", ecs.define("halted", CHECK)))
    (old,) = ecs.tasks_of("halted")
    deployment = ecs.update("halted", taskDefinition=ecs.define("halted", CHECK | ILL))

    ecs.api.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ABORT")

    assert ecs.finished(deployment)["status"] == "STOPPED"
    assert old in ecs.tasks_of("halted")
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException"):
        ecs.api.stop_service_deployment(serviceDeploymentArn=deployment)
    ecs.remove("halted")


def test_the_desired_count_changes_without_a_deployment(ecs: Ecs) -> None:
    deployment = ecs.create("scaled", ecs.define("scaled", CHECK))
    ecs.finished(deployment)

    after = ecs.update("scaled", desiredCount=3)

    assert after == deployment
    wait_for("three tasks", lambda: ecs.service("scaled")["runningCount"] == 3)
    ecs.update("scaled", desiredCount=0)
    wait_for("no tasks", lambda: ecs.service("scaled")["runningCount"] == 0)
    ecs.remove("scaled")


def test_a_newer_deployment_takes_the_place_of_one_in_progress(ecs: Ecs) -> None:
    ecs.finished(ecs.create("hurried", ecs.define("hurried", CHECK)))
    stuck = ecs.update("hurried", taskDefinition=ecs.define("hurried", CHECK | ILL))

    record = ecs.finished(ecs.update("hurried", taskDefinition=ecs.define("hurried", CHECK | version("3"))))

    assert (record["status"], ecs.deployment(stuck)["status"]) == ("SUCCESSFUL", "STOPPED")
    listed = ecs.api.list_service_deployments(cluster=ecs.cluster, service="hurried")["serviceDeployments"]
    assert [each["status"] for each in listed] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    revision = record["targetServiceRevision"]["arn"]
    described = ecs.api.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    assert [each["taskDefinition"] for each in described] == [ecs.service("hurried")["taskDefinition"]]
    ecs.remove("hurried")


def test_a_service_above_zero_is_deleted_only_by_force(ecs: Ecs) -> None:
    ecs.finished(ecs.create("kept", ecs.define("kept", CHECK)))

    with pytest.raises(botocore.exceptions.ClientError, match="while it is scaled above 0"):
        ecs.api.delete_service(cluster=ecs.cluster, service="kept")

    (task,) = ecs.tasks_of("kept")
    ecs.remove("kept")
    assert (ecs.task(task)["lastStatus"], ecs.service("kept")["status"]) == ("STOPPED", "INACTIVE")
