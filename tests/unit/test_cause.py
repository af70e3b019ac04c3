"""Why tasks stop, in plain words: every reason that ECS gives has a sentence and something to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra.aws.ecs import Container, Host, Task
from infra.rollouts.cause import cause_of, diagnosis, is_failure
from infra.rollouts.failed_tasks import FailedTask, alike, no_room, report

ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:yard/staging/shop/api_key"
PULL = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


def task(
    code: int | None = None,
    *,
    stop: str = "TaskFailedToStart",
    reason: str = "",
    detail: str = "",
    arn: str = "t/1",
) -> Task:
    """A stopped task of one container."""
    return Task(
        arn=arn,
        status="STOPPED",
        stop_code=stop,
        stopped_reason=reason or None,
        containers=(Container("web", exit_code=code, reason=detail or None),),
        task_definition="td/shop-web:7",
        stopped=datetime(2026, 5, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("stopped", "why"),
    [
        (task(reason="CannotPullContainerError: not found"), "its image could not be pulled"),
        (
            task(
                reason=f"{PULL}unable to retrieve secret from asm: failed to fetch secret {ARN} from secrets manager"
            ),
            "the secret yard/staging/shop/api_key is missing or empty",
        ),
        (
            task(
                reason=f"{PULL}failed to fetch secret {ARN}-AbCdEf from secrets manager: AccessDeniedException"
            ),
            "it may not read the secret yard/staging/shop/api_key",
        ),
        (
            task(
                reason=f"{PULL}retrieved secret from Secrets Manager did not contain json key password: {ARN}:password::"
            ),
            "the secret yard/staging/shop/api_key has no JSON key password",
        ),
        (
            task(reason=f"{PULL}unable to retrieve secrets from ssm: invalid parameters: /shop/key"),
            "the secret /shop/key is missing or empty",
        ),
        (
            task(reason="ResourceInitializationError: failed to validate logger args: no stream"),
            "its log group is not there or may not be written",
        ),
        (
            task(reason="ResourceInitializationError: failed to invoke EFS"),
            "what it needs to start could not be prepared",
        ),
        (
            task(137, stop="EssentialContainerExited", detail="OutOfMemoryError: Container killed"),
            "it ran out of memory and was killed",
        ),
        (task(137, stop="EssentialContainerExited"), "it exited with code 137 (SIGKILL)"),
        (task(127, stop="EssentialContainerExited"), "it exited with code 127 (the command was not found)"),
        (task(3, stop="EssentialContainerExited"), "it exited with code 3"),
        (task(0, stop="EssentialContainerExited"), "it ended by itself with exit code 0"),
        (
            task(143, stop="ServiceSchedulerInitiated", reason="Task failed container health checks"),
            "its container's health check did not pass",
        ),
        (
            task(
                143,
                stop="ServiceSchedulerInitiated",
                reason="Task failed ELB health checks in (target-group g)",
            ),
            "the load balancer's health check did not pass",
        ),
        (
            task(stop="TerminationNotice", reason="Host EC2 (instance i-1) terminated."),
            "its host was lost before it ended, so nobody knows how far it came",
        ),
        (task(0, stop="UserInitiated", reason="by hand"), "somebody stopped it"),
        (
            task(stop="EssentialContainerExited"),
            "it stopped without an exit code, so its host was lost or it was killed",
        ),
        (
            task(reason="Task failed to start", detail="CannotStartContainerError: no such file"),
            "its container could not be started",
        ),
    ],
)
def test_every_reason_has_a_plain_sentence(stopped: Task, why: str) -> None:
    assert diagnosis(stopped).why == why


def test_the_sentence_keeps_ecs_words_and_says_what_to_do() -> None:
    stopped = task(3, stop="EssentialContainerExited", reason="Essential container in task exited")

    assert (
        cause_of(stopped)
        == "it exited with code 3 (Essential container in task exited); read its last lines and mend it"
    )


@pytest.mark.parametrize(
    ("stop", "reason", "expected"),
    [
        ("TaskFailedToStart", "", True),
        ("EssentialContainerExited", "", True),
        ("ServiceSchedulerInitiated", "Task failed container health checks", True),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group g)", True),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", False),
        ("UserInitiated", "by hand", False),
        ("TerminationNotice", "Host EC2 (instance i-1) terminated.", False),
        ("SpotInterruption", "", False),
    ],
)
def test_only_what_the_release_did_itself_is_its_failure(stop: str, reason: str, expected: bool) -> None:
    assert is_failure(task(1, stop=stop, reason=reason)) is expected


def test_tasks_that_failed_alike_are_told_once() -> None:
    crash = {"stop": "EssentialContainerExited", "reason": "Essential container in task exited"}
    failed = [
        FailedTask("web", task(3, arn="t/1", **crash)),
        FailedTask("web", task(3, arn="t/2", **crash), ("no colour",)),
        FailedTask("worker", task(reason="CannotPullContainerError: gone", arn="t/3")),
    ]

    text = report("shop", failed)

    assert [len(group) for group in alike(failed)] == [2, 1]
    assert text.splitlines() == [
        "shop web: 2 tasks failed: it exited with code 3; read its last lines and mend it",
        "  stop code  EssentialContainerExited",
        "  reason     Essential container in task exited",
        "  exit code  web 3",
        "  task       2 of shop-web:7",
        "  last lines",
        "    no colour",
        "shop worker: a task failed: its image could not be pulled; see that the tag is in the registry and that the "
        "execution role may pull it",
        "  stop code  TaskFailedToStart",
        "  reason     CannotPullContainerError: gone",
        "  exit code  web none",
        "  task       3 of shop-web:7",
    ]


def host(
    *, cpu: int = 2048, memory: int = 4000, free_cpu: int = 100, free_memory: int = 3000, up: bool = True
) -> Host:
    """A host with some room."""
    return Host(
        "h/1",
        "i-1",
        "ACTIVE",
        connected=up,
        running=1,
        pending=0,
        cpu=cpu,
        memory=memory,
        free_cpu=free_cpu,
        free_memory=free_memory,
    )


@pytest.mark.parametrize(
    ("cpu", "memory", "hosts", "why"),
    [
        (256, 64, [host()], "no host has enough of CPU left"),
        (64, 3500, [host()], "no host has enough of memory left"),
        (256, 3500, [host()], "no host has enough of CPU and memory left"),
        (4096, 64, [host()], "no host is that large"),
        (64, 9000, [host()], "no host is that large"),
        (64, 64, [host(up=False)], "it needs 64 CPU units and 64 MiB, and no host is connected"),
        (64, 64, [], "it needs 64 CPU units and 64 MiB, and no host is connected"),
    ],
)
def test_a_task_without_a_host_is_told_what_it_lacks(
    cpu: int, memory: int, hosts: list[Host], why: str
) -> None:
    assert no_room(cpu, memory, hosts).why.startswith(why)
