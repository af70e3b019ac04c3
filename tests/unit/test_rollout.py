"""The verdict and the cause of a rollout: a success only when everything says so, and a failure told in plain words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.aws.ecs import Container, Host, Task
from infra.aws.elb import Target
from infra.config import Config, load
from infra.errors import EstaleiroError
from infra.rollouts.verdict import Rollout
from infra.rollouts.watch import CauseWatch
from tests.builders import manifest, project_files, write_tree
from tests.cluster import NOON, Cluster, at, deployment, service, stopped
from tests.fakes import Clock

WEB, WORKER = "yard-local-shop-web", "yard-local-shop-worker"
OURS, OURS_TOO, OLD = "td/shop-web:2", "td/shop-worker:2", "td/shop-web:1"
OUTPUTS = {
    "cluster": {"ClusterName": "yard-local"},
    "shop-release": {"WebTaskDefinition": OURS, "WorkerTaskDefinition": OURS_TOO},
    "shop": {"WebService": "shop-web", "WorkerService": "shop-worker"},
}
WORKER_PROCESS = '[processes.worker]\ncommand = ["python3"]\ncpu = 128\nmemory = 64\n'
HEALTHY = [Target("i-1", 1, "healthy"), Target("i-2", 2, "healthy")]
SINCE = NOON.timestamp() - 30


@pytest.fixture
def config(tmp_path: Path) -> Config:
    files = project_files(
        shop=manifest("a shop") + WORKER_PROCESS,
        local="[deploy]\nsoak_seconds = 3\nplacement_seconds = 10\nservice_seconds = 60\n",
    )
    return load(write_tree(tmp_path, files), "local")


def sound() -> Cluster:
    """A shop whose two processes run this release, and whose targets are healthy."""
    return Cluster(
        states={
            "shop-web": service("shop-web", OURS, groups=["g"]),
            "shop-worker": service("shop-worker", OURS_TOO, desired=1, running=1),
        },
        deployments={"shop-web": [deployment()], "shop-worker": [deployment()]},
        targets={"g": HEALTHY},
    )


def judge(cluster: Cluster, config: Config, clock: Clock | None = None) -> str:
    ticking = clock or Clock()
    rollout = Rollout(cluster.wall, config, OUTPUTS, clock=ticking, sleep=ticking.sleep)
    return rollout.judge("shop", since=SINCE)


def failed_verdict(cluster: Cluster, config: Config, clock: Clock | None = None) -> str:
    with pytest.raises(EstaleiroError) as caught:
        judge(cluster, config, clock)
    return str(caught.value)


def test_a_rollout_is_good_when_everything_says_so(config: Config) -> None:
    assert judge(sound(), config) == "web 2/2, worker 1/1"


def test_a_stack_that_needed_no_deployment_is_judged_by_what_runs(config: Config) -> None:
    cluster = sound()
    cluster.deployments = {"shop-web": [deployment("STOPPED", began=-3600)], "shop-worker": []}

    assert judge(cluster, config) == "web 2/2, worker 1/1"


@pytest.mark.parametrize("status", ["STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"])
def test_every_other_end_is_a_failure(config: Config, status: str) -> None:
    cluster = sound()
    cluster.deployments["shop-worker"] = [deployment(status, status_reason="the breaker")]

    assert failed_verdict(cluster, config) == (
        f"shop worker: ECS says {status}: the breaker; what ran before still runs: mend the cause and deploy again"
    )


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "SOMETHING_NEW"])
def test_what_does_not_end_in_time_is_a_failure(config: Config, status: str) -> None:
    cluster = sound()
    cluster.deployments["shop-web"] = [deployment(status)]

    assert failed_verdict(cluster, config).startswith(f"shop web: the rollout is still {status} after 60 s")


def test_another_task_definition_is_a_failure(config: Config) -> None:
    cluster = sound()
    cluster.states["shop-web"] = service("shop-web", OLD, groups=["g"])

    assert failed_verdict(cluster, config).startswith(
        "shop web: ECS runs shop-web:1, not shop-web:2 of this release: it was rolled back"
    )


def test_a_rollback_during_the_soak_time_is_a_failure(config: Config) -> None:
    cluster = sound()

    def roll_back(now: float) -> None:
        cluster.states["shop-worker"] = service("shop-worker", "td/shop-worker:1", desired=1, running=1)

    assert "not shop-worker:2 of this release" in failed_verdict(cluster, config, Clock(on_sleep=roll_back))


def test_too_few_healthy_targets_are_a_failure(config: Config) -> None:
    cluster = sound()
    cluster.targets["g"] = [HEALTHY[0], Target("i-2", 2, "unhealthy", description="Request timed out")]

    assert failed_verdict(cluster, config).startswith(
        "shop web: 1 of 2 targets are healthy (i-2:2 unhealthy (Request timed out)) 60 s after its rollout"
    )


def test_targets_may_take_a_moment_to_get_healthy(config: Config) -> None:
    cluster = sound()
    cluster.targets["g"] = []

    assert judge(cluster, config, Clock(on_sleep=lambda now: cluster.targets.update(g=HEALTHY))).startswith(
        "web"
    )


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (stopped("t/9", OURS), "it exited with code 3"),
        (
            stopped(
                "t/9",
                OURS,
                stop_code="ServiceSchedulerInitiated",
                stopped_reason="Task failed container health checks",
            ),
            "its container's health check did not pass",
        ),
    ],
)
def test_a_task_that_fails_in_the_soak_time_fails_the_release(config: Config, task: Task, why: str) -> None:
    cluster = sound()
    cluster.said.say("web/web/9", "no colour")

    text = failed_verdict(
        cluster, config, Clock(on_sleep=lambda now: cluster.tasks_by_family.update({WEB: [task]}))
    )

    assert text.splitlines()[0].startswith(f"shop web: a task failed: {why}")
    assert "    no colour" in text.splitlines()


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(stopped("t/9", OLD), id="of the release before"),
        pytest.param(stopped("t/9", OURS, when=8), id="during the rollout, which went on to succeed"),
        pytest.param(
            stopped("t/9", OURS, stop_code="ServiceSchedulerInitiated", stopped_reason="Scaling activity"),
            id="stopped because fewer are wanted",
        ),
        pytest.param(stopped("t/9", OURS, stop_code="SpotInterruption"), id="with its host"),
    ],
)
def test_other_stopped_tasks_say_nothing_about_the_release(config: Config, task: Task) -> None:
    cluster = sound()
    cluster.tasks_by_family[WEB] = [task]

    assert judge(cluster, config) == "web 2/2, worker 1/1"


def watch(cluster: Cluster, config: Config, *, first: bool = False, clock: Clock | None = None) -> CauseWatch:
    """A watch over shop's stack, before or after its first deploy."""
    outputs = {part: values for part, values in OUTPUTS.items() if not (first and part == "shop")}
    return CauseWatch(cluster.wall, config, outputs, "shop", clock=clock or Clock())


def test_the_cause_is_kept_though_a_rollback_erases_it(config: Config) -> None:
    cluster = sound()
    cluster.tasks_by_family[WEB] = [stopped("t/9", OURS)]
    looking = watch(cluster, config, first=True)
    looking.look()
    cluster.tasks_by_family, cluster.deployments = {}, {}

    text = looking.explained("the stack is ROLLBACK_COMPLETE")

    assert text.splitlines()[0] == (
        "shop web: a task failed: it exited with code 3; read its last lines and mend it"
    )
    assert text.splitlines()[-1] == "the stack is ROLLBACK_COMPLETE"


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(stopped("t/9", OLD), id="of the release before"),
        pytest.param(stopped("t/9", OURS, when=-5), id="of an earlier deploy of this release"),
    ],
)
def test_tasks_of_other_rollouts_are_no_cause(config: Config, task: Task) -> None:
    cluster = sound()
    cluster.tasks_by_family[WEB] = [task]

    assert watch(cluster, config).explained("CloudFormation's words") == "CloudFormation's words"


def test_a_rollout_that_somebody_stopped_is_told_as_that(config: Config) -> None:
    cluster = sound()
    rolled_back = deployment("ROLLBACK_SUCCESSFUL", status_reason="a user request", threshold=3)
    cluster.deployments["shop-web"] = [deployment("STOPPED", began=5), rolled_back]

    assert watch(cluster, config).explained("the end").splitlines() == [
        "shop web: somebody stopped its rollout (StopServiceDeployment) while it was under way; find out who and why, "
        "and deploy again",
        "ECS, shop web: ROLLBACK_SUCCESSFUL, 0 of 3 failures: a user request",
        "the end",
    ]


@pytest.mark.parametrize(("first", "kind"), [(True, "ABORT"), (False, "ROLLBACK")])
def test_a_task_that_no_host_takes_ends_the_rollout(config: Config, first: bool, kind: str) -> None:
    cluster = sound()
    waiting = Task("t/9", "PROVISIONING", created=at(1), task_definition=OURS, group="service:shop-web")
    cluster.tasks_by_family[WEB] = [waiting]
    cluster.hosts = (Host("h", "i-1", "ACTIVE", True, 0, 0, 2048, 1900, 64, 1900),)
    cluster.deployments["shop-web"] = [deployment("IN_PROGRESS")]
    clock = Clock()
    looking = watch(cluster, config, first=first, clock=clock)
    looking.look()
    clock.now = 9
    looking.look()
    before = list(cluster.rollbacks)
    clock.now = 12

    looking.look()

    assert (before, cluster.rollbacks) == ([], [("arn:deployment", kind)])
    assert looking.explained("the end").startswith(
        "shop web: no host took its task within 10 s: no host has enough of CPU left: it needs 128 CPU units"
    )


def test_a_stack_that_cannot_go_back_says_what_to_do(config: Config) -> None:
    looking = CauseWatch(sound().wall, config, OUTPUTS, "network")

    assert looking.explained("it is UPDATE_ROLLBACK_FAILED").endswith(
        "mend what keeps it from going back, then deploy again: that continues the rollback first"
    )


def test_words_around_a_handlers_reason_are_left_out(config: Config) -> None:
    reason = (
        'failed: Resource handler returned message: "no" (RequestToken: 1-a, HandlerErrorCode: General); so'
    )

    assert watch(sound(), config).explained(reason) == "failed: no; so"


def test_a_container_still_on_its_way_down_is_looked_at_again(config: Config) -> None:
    cluster = sound()
    ended = stopped("t/9", OURS)
    cluster.tasks_by_family[WEB] = [
        replace(ended, status="STOPPED", containers=(Container("web", exit_code=7),))
    ]

    assert "exited with code 7" in watch(cluster, config).explained("the end")
