"""A local cloud that is stopped, killed and started again: services are what they were."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import docker.errors
import pytest

from infra.local import engine, process
from tests.local import cloud as clouds
from tests.local.cloud import Cloud, wait_for
from tests.local.workloads import HEALTH, IMAGE, Ecs, build_image

CHECK = {"healthCheck": {"command": HEALTH, "interval": 5}, "stopTimeout": 5}


@pytest.fixture(scope="module")
def ecs(tmp_path_factory: pytest.TempPathFactory, postgres_image: str) -> Iterator[Ecs]:
    """A local cloud of this module's own, with a service of two tasks."""
    build_image()
    settings = clouds.settings(tmp_path_factory.mktemp("restarted") / "state", postgres_image)
    process.ensure(settings)
    made = Ecs(Cloud(settings), "kept")
    made.api.create_cluster(clusterName="kept")
    made.finished(made.create("web", made.define("web", CHECK), desiredCount=2))
    yield made
    process.destroy(settings)


def running(ecs: Ecs) -> list[str]:
    containers = engine.containers(ecs.cloud.settings, role="task")
    return sorted(container.name for container in containers if container.status == "running")


def kill(ecs: Ecs) -> None:
    """End the server as a power cut would, once its state is saved."""
    time.sleep(1.5)
    found = process.running(ecs.cloud.settings)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(found.pid, 0)


def test_containers_that_outlive_the_server_stay_in_service(ecs: Ecs) -> None:
    before = running(ecs)
    tasks = sorted(ecs.tasks_of("web"))
    kill(ecs)

    process.ensure(ecs.cloud.settings)
    wait_for("the service", lambda: ecs.service("web")["runningCount"] == 2)
    time.sleep(2)

    assert (running(ecs), sorted(ecs.tasks_of("web"))) == (before, tasks)


def test_containers_that_are_gone_are_replaced(ecs: Ecs) -> None:
    before = set(ecs.tasks_of("web"))
    kill(ecs)
    for container in engine.containers(ecs.cloud.settings, role="task"):
        container.remove(force=True)

    process.ensure(ecs.cloud.settings)
    wait_for("two new tasks", lambda: len(running(ecs)) == 2)

    assert not before & set(ecs.tasks_of("web"))
    assert {ecs.task(arn)["containers"][0].get("exitCode") for arn in before} == {None}


def test_containers_that_nobody_knows_are_removed(ecs: Ecs) -> None:
    kill(ecs)
    labels = engine.labels(
        ecs.cloud.settings, role="task", task="arn:aws:ecs:eu-west-1:000000000000:task/kept/none"
    )
    stray = engine.client().containers.run(IMAGE, ["sleep", "600"], detach=True, labels=labels)

    process.ensure(ecs.cloud.settings)

    def removed() -> bool:
        with contextlib.suppress(docker.errors.NotFound):
            stray.reload()
            return False
        return True

    wait_for("the stray container to go", removed)


def test_a_stop_in_order_and_a_start_bring_the_service_back(ecs: Ecs) -> None:
    before = ecs.tasks_of("web")

    process.stop(ecs.cloud.settings)
    meanwhile = running(ecs)
    process.ensure(ecs.cloud.settings)

    assert meanwhile == []
    wait_for("the service", lambda: ecs.service("web")["runningCount"] == 2 and len(running(ecs)) == 2)
    ended = [ecs.task(arn) for arn in before]
    assert [(task["stopCode"], task["stoppedReason"]) for task in ended] == [
        ("TerminationNotice", "the local cloud was stopped")
    ] * 2
