"""One-off and service tasks: how they are started, found and judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.aws.ecs import Container, Network, PlacementFailure, Task, TaskOverrides
from infra.errors import AwsError, NotFound
from tests.aws_account import Script

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLUSTER = "yard-staging"


def arn(number: int) -> str:
    return f"arn:aws:ecs:eu-west-1:123456789012:task/yard-staging/{number:032d}"


def test_a_task_is_started_with_all_that_the_run_changes() -> None:
    asked = {
        "cluster": CLUSTER,
        "taskDefinition": "reviews-migrate:3",
        "count": 1,
        "capacityProviderStrategy": [{"capacityProvider": "hosts", "weight": 1}],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["s-1"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "DISABLED",
            }
        },
        "startedBy": "deploy-1",
        "clientToken": "token-1",
        "tags": [{"key": "yard:part", "value": "reviews"}],
        "overrides": {
            "containerOverrides": [
                {
                    "name": "migrate",
                    "command": ["python", "-m", "x"],
                    "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    "cpu": 256,
                    "memory": 512,
                }
            ],
            # A task with an address of its own is Fargate's, whose own size must hold its container.
            "cpu": "256",
            "memory": "512",
        },
    }
    script = Script("ecs").answers("run_task", {"tasks": [described(1)]}, asked=asked)

    with script.account() as aws:
        task = aws.ecs.run_task(
            cluster=CLUSTER,
            task_definition="reviews-migrate:3",
            network=Network(("s-1",), ("sg-1",)),
            capacity_provider="hosts",
            overrides=TaskOverrides(["python", "-m", "x"], {"B": "2", "A": "1"}, 256, 512, "migrate"),
            started_by="deploy-1",
            client_token="token-1",
            tags={"yard:part": "reviews"},
        )

    assert task == Task(arn=arn(1), status="PROVISIONING")


def test_a_plain_run_leaves_the_choice_of_place_to_the_cluster() -> None:
    asked = {"cluster": CLUSTER, "taskDefinition": "migrate", "count": 1}
    script = Script("ecs").answers("run_task", {"tasks": [described(1)]}, asked=asked)

    with script.account() as aws:
        aws.ecs.run_task(cluster=CLUSTER, task_definition="migrate")


def test_an_override_goes_to_the_only_essential_container() -> None:
    containers = [{"name": "migrate"}, {"name": "proxy", "essential": False}]
    script = (
        Script("ecs")
        .answers("describe_task_definition", {"taskDefinition": {"containerDefinitions": containers}})
        .answers(
            "run_task",
            {"tasks": [described(1)]},
            asked={
                "cluster": CLUSTER,
                "taskDefinition": "migrate",
                "count": 1,
                "launchType": "FARGATE",
                "overrides": {"containerOverrides": [{"name": "migrate", "command": ["true"]}]},
            },
        )
    )

    with script.account() as aws:
        aws.ecs.run_task(
            cluster=CLUSTER,
            task_definition="migrate",
            launch_type="FARGATE",
            overrides=TaskOverrides(["true"]),
        )


def test_an_override_of_one_of_several_containers_needs_its_name() -> None:
    containers = [{"name": "web"}, {"name": "proxy"}]
    script = Script("ecs").answers(
        "describe_task_definition", {"taskDefinition": {"containerDefinitions": containers}}
    )

    with script.account() as aws, pytest.raises(AwsError, match="2 essential containers; say which one"):
        aws.ecs.run_task(cluster=CLUSTER, task_definition="web", overrides=TaskOverrides(["true"]))


@pytest.mark.parametrize(
    ("failures", "expected", "retriable"),
    [
        (
            [{"reason": "RESOURCE:MEMORY", "arn": "host-1"}],
            PlacementFailure("RESOURCE:MEMORY", "", "host-1"),
            True,
        ),
        ([{"reason": "AGENT"}], PlacementFailure("AGENT"), True),
        ([{"reason": "ATTRIBUTE", "detail": "arm64"}], PlacementFailure("ATTRIBUTE", "arm64"), False),
        ([{"reason": "Capacity is unavailable at this time."}], None, True),
        ([], PlacementFailure("RESOURCE", "ECS named no reason"), True),
    ],
)
def test_a_task_that_was_not_placed_is_an_answer_that_says_whether_to_try_again(
    failures: list[dict[str, str]], expected: PlacementFailure | None, retriable: bool
) -> None:
    script = Script("ecs").answers("run_task", {"tasks": [], "failures": failures})

    with script.account() as aws:
        answer = aws.ecs.run_task(cluster=CLUSTER, task_definition="migrate")

    assert isinstance(answer, PlacementFailure)
    assert answer.retriable is retriable
    assert expected is None or answer == expected


def test_a_cluster_without_hosts_is_a_placement_failure() -> None:
    message = "No Container Instances were found in your cluster."
    script = Script("ecs").refuses("run_task", "InvalidParameterException", message)

    with script.account() as aws:
        answer = aws.ecs.run_task(cluster=CLUSTER, task_definition="migrate")

    assert answer == PlacementFailure("NO_HOSTS", "the cluster has no host yet")


def test_a_stopped_task_says_why_and_with_which_codes() -> None:
    whole = described(1) | {
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "startedBy": "deploy-1",
        "createdAt": NOON,
        "startedAt": NOON,
        "stoppedAt": NOON,
        "taskDefinitionArn": "td:3",
        "containerInstanceArn": "host-1",
        "group": "family:migrate",
        "containers": [
            {"name": "migrate", "exitCode": 0, "lastStatus": "STOPPED", "image": "yard:1", "runtimeId": "c1"},
            {"name": "lost", "reason": "Host terminated", "healthStatus": "UNKNOWN"},
        ],
    }
    script = Script("ecs").answers(
        "describe_tasks", {"tasks": [whole]}, asked={"cluster": CLUSTER, "tasks": [arn(1)]}
    )

    with script.account() as aws:
        task = aws.ecs.task(CLUSTER, arn(1))

    assert task == Task(
        arn=arn(1),
        status="STOPPED",
        desired_status="STOPPED",
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
        containers=(
            Container("migrate", exit_code=0, runtime_id="c1", image="yard:1", status="STOPPED"),
            Container("lost", exit_code=None, reason="Host terminated", health="UNKNOWN"),
        ),
        started_by="deploy-1",
        created=NOON,
        started=NOON,
        stopped=NOON,
        task_definition="td:3",
        host="host-1",
        group="family:migrate",
    )
    assert (task.id, task.container("lost"), task.container("none")) == (
        f"{1:032d}",
        task.containers[1],
        None,
    )


def test_a_task_that_ecs_does_not_know_yet_is_asked_for_again() -> None:
    unknown: dict[str, Any] = {"tasks": [], "failures": [{"arn": arn(1), "reason": "MISSING"}]}
    script = (
        Script("ecs").answers("describe_tasks", unknown).answers("describe_tasks", {"tasks": [described(1)]})
    )

    with script.account() as aws:
        task = aws.ecs.task(CLUSTER, arn(1))

    assert (task.arn, script.slept) == (arn(1), [0.5])


def test_a_task_that_ecs_has_forgotten_is_not_found() -> None:
    script = Script("ecs")
    for _ in range(4):
        script.answers("describe_tasks", {"tasks": [], "failures": [{"arn": arn(1), "reason": "MISSING"}]})

    with script.account() as aws, pytest.raises(NotFound, match="forgets stopped tasks after about an hour"):
        aws.ecs.task(CLUSTER, arn(1))


def test_many_tasks_are_asked_for_by_the_hundred_and_keep_their_order() -> None:
    first, second = [arn(number) for number in range(100)], [arn(100)]
    script = (
        Script("ecs")
        .answers(
            "describe_tasks",
            {"tasks": [described(number) for number in reversed(range(99))]},
            asked={"cluster": CLUSTER, "tasks": first},
        )
        .answers("describe_tasks", {"tasks": [described(100)]}, asked={"cluster": CLUSTER, "tasks": second})
    )

    with script.account() as aws:
        tasks = aws.ecs.tasks(CLUSTER, first + second)

    assert [task.arn for task in tasks] == [*first[:99], arn(100)]


def test_stopped_tasks_are_those_of_one_deployment_oldest_first() -> None:
    later = described(1) | {"stoppedAt": NOON + timedelta(minutes=1), "startedBy": "ecs-svc/2"}
    sooner = described(2) | {"stoppedAt": NOON, "startedBy": "ecs-svc/2"}
    other = described(3) | {"stoppedAt": NOON, "startedBy": "ecs-svc/1"}
    script = (
        Script("ecs")
        .answers(
            "list_tasks",
            {"taskArns": [arn(1), arn(2), arn(3)]},
            asked={"cluster": CLUSTER, "desiredStatus": "STOPPED", "serviceName": "reviews"},
        )
        .answers("describe_tasks", {"tasks": [later, sooner, other]})
    )

    with script.account() as aws:
        tasks = aws.ecs.stopped_tasks(CLUSTER, service="reviews", started_by="ecs-svc/2")

    assert [task.arn for task in tasks] == [arn(2), arn(1)]


def test_tasks_are_listed_over_all_pages() -> None:
    script = (
        Script("ecs")
        .answers("list_tasks", {"taskArns": [arn(1)], "nextToken": "more"})
        .answers("list_tasks", {"taskArns": [arn(2)]})
    )

    with script.account() as aws:
        assert aws.ecs.list_tasks(CLUSTER, family="migrate") == (arn(1), arn(2))


def test_stopping_a_task_that_is_gone_is_fine_and_a_long_reason_is_cut() -> None:
    script = (
        Script("ecs")
        .answers("stop_task", {}, asked={"cluster": CLUSTER, "task": arn(1), "reason": "x" * 255})
        .refuses("stop_task", "InvalidParameterException", "The referenced task was not found.")
    )

    with script.account() as aws:
        aws.ecs.stop_task(CLUSTER, arn(1), "x" * 300)
        aws.ecs.stop_task(CLUSTER, arn(1), "again")


def described(number: int) -> dict[str, Any]:
    return {"taskArn": arn(number), "lastStatus": "PROVISIONING"}
