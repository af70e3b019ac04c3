"""How tasks fail to start, and how the containers of one task depend on each other."""

from __future__ import annotations

import threading

import docker
import pytest

from tests.local.cloud import Cloud
from tests.local.workloads import IMAGE, Ecs, build_image, end, log, python


@pytest.fixture(scope="module")
def ecs(cloud: Cloud) -> Ecs:
    build_image()
    cloud.client("ecs").create_cluster(clusterName="ends")
    return Ecs(cloud, "ends")


@pytest.fixture(scope="module")
def group(cloud: Cloud) -> str:
    name = "/est/ends"
    cloud.client("logs").create_log_group(logGroupName=name)
    return name


def test_a_task_without_its_image_fails_to_start(ecs: Ecs) -> None:
    missing = IMAGE.replace("workload", "never-built")

    task = ecs.run("imageless", {"image": missing})

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: pull image manifest has been retried")
    assert task["containers"][0].get("exitCode") is None


def test_an_image_that_goes_while_a_task_starts_is_told_as_one_that_is_missing(ecs: Ecs) -> None:
    going = IMAGE.replace("workload", "going")
    images = docker.from_env().images
    images.get(IMAGE).tag(going)
    first = {"name": "first", "essential": False, "command": python("import time; time.sleep(4)")}
    thief = threading.Timer(2, images.remove, [going])

    thief.start()
    task = ecs.run(
        "robbed",
        {"name": "main", "image": going, "dependsOn": [{"containerName": "first", "condition": "COMPLETE"}]},
        first,
    )
    thief.join()

    assert task["stopCode"] == "TaskFailedToStart"
    assert {each["name"]: each.get("exitCode") for each in task["containers"]} == {"main": None, "first": 0}
    assert "CannotPullContainerError: " in "".join(each.get("reason", "") for each in task["containers"])


def test_a_task_without_its_secret_fails_to_start(ecs: Ecs) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:est/none-AbCdEf"

    task = ecs.run("secretless", {"secrets": [{"name": "X", "valueFrom": arn}]})

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth"
    )


def test_a_task_without_its_log_group_fails_to_start(ecs: Ecs) -> None:
    task = ecs.run("groupless", log("/est/never-made"))

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].endswith(
        "ResourceNotFoundException: The specified log group does not exist."
    )


def test_a_command_that_does_not_exist_cannot_start(ecs: Ecs) -> None:
    task = ecs.run("commandless", {"command": ["/no/such/program"]})

    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert task["containers"][0]["reason"].startswith(
        "CannotStartContainerError: Error response from daemon:"
    )


def test_a_container_that_takes_too_much_memory_is_killed(ecs: Ecs) -> None:
    task = ecs.run("greedy", {"command": python("held = bytearray(200 << 20)"), "memory": 32})

    assert end(task)["containers"] == {
        "main": (137, "OutOfMemoryError: Container killed due to memory usage")
    }


def test_a_task_ends_when_an_essential_container_ends_and_not_before(ecs: Ecs) -> None:
    task = ecs.run(
        "two",
        {"name": "helper", "essential": False, "command": python("raise SystemExit(3)")},
        {"name": "main", "command": python("import time; time.sleep(1)")},
        {"name": "idle", "command": python("import time; time.sleep(60)"), "stopTimeout": 2},
    )

    assert end(task)["containers"] == {"helper": (3, None), "main": (0, None), "idle": (137, None)}


def test_a_container_waits_for_what_it_depends_on(ecs: Ecs, group: str) -> None:
    task = ecs.run(
        "ordered",
        {"name": "last", "command": python("print('last')"), "dependsOn": [
            {"containerName": "first", "condition": "SUCCESS"}, {"containerName": "server", "condition": "HEALTHY"},
        ]} | log(group),
        {"name": "first", "essential": False, "command": python("import time; time.sleep(0.5); print('first')")} | log(group),
        {"name": "server", "essential": False, "environment": [{"name": "BOOT", "value": "1"}], "healthCheck": {
            "command": ["CMD", "python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8080))"],
            "interval": 5,
        }} | log(group),
    )  # fmt: skip

    found = ecs.cloud.client("logs").filter_log_events(
        logGroupName=group,
        logStreamNames=[f"job/{name}/{task['taskArn'].rsplit('/', 1)[-1]}" for name in ("first", "last")],
    )["events"]
    assert [event["message"] for event in sorted(found, key=lambda each: each["timestamp"])] == [
        "first",
        "last",
    ]
    assert task["containers"][0]["exitCode"] == 0


def test_a_failed_dependency_keeps_the_task_from_starting(ecs: Ecs) -> None:
    task = ecs.run(
        "broken-order",
        {"name": "main", "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}]},
        {"name": "first", "essential": False, "command": python("raise SystemExit(9)")},
    )

    assert end(task)["stopCode"] == "TaskFailedToStart"
    assert {each["name"]: each.get("exitCode") for each in task["containers"]} == {"main": None, "first": 9}
