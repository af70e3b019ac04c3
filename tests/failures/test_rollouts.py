"""Rollouts that fail: exit code 1, the plain sentence and its evidence, and what served traffic serves on."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest

from tests.failures.yard import STRICT, WEB, WORKER, Ended, Told, Yard, ended, eventually, manifest, process

ECR = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/estaleiro:shop-"


def lines_of(end: Ended) -> list[str]:
    """The evidence, without ids that differ from run to run."""
    text = re.sub(r"task       [0-9a-f]{32}", "task       T", end.last)
    return [re.sub(r"-(\d+):\d+$", r"-\1:N", line) for line in text.splitlines()]


def assert_untouched(yard: Yard, before: str) -> None:
    """What served traffic serves on, and the stack is where it was."""
    assert (yard.running("shop", "web"), yard.answer(), yard.stack("shop")) == (
        before,
        "one",
        "UPDATE_ROLLBACK_COMPLETE",
    )


def test_a_container_that_exits_at_once_trips_the_breaker_and_is_rolled_back(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(process("web", "crash", more="count = 2"), WORKER, failures=2))

    with yard.load() as load:
        end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("container exits at once; breaker threshold (COUNT 2) reached, rolled back", end)
    assert end.code == 1
    assert re.match(
        r"shop web: [2-4] tasks failed: it exited with code 1; read its last lines and mend it", end.sentence
    )
    assert lines_of(end)[1:4] == [
        "  stop code  EssentialContainerExited",
        "  reason     Essential container in task exited",
        "  exit code  web 1",
    ]
    assert lines_of(end)[5] == "  last lines"
    # The engine keeps no order between standard output and standard error.
    assert set(lines_of(end)[6:8]) == {"    reading the settings", "    the settings have no colour"}
    assert re.search(
        r"ECS, shop web: ROLLBACK_SUCCESSFUL, [23] of 2 failures: .*threshold was exceeded", end.last
    )
    assert set(load.answers) == {"one"}
    newest = yard.deployments("shop", "web")[0]
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    assert_untouched(yard, before)


# A web process has a grace period of at least 30 s, which the shorter twin does without.
@pytest.mark.parametrize("failing", ["worker", pytest.param("web", marks=pytest.mark.long)])
def test_a_health_check_that_never_passes(yard: Yard, told: Told, failing: str) -> None:
    before = yard.running("shop", "web")
    idle = process(failing, "idle", health=STRICT, more="count = 2")
    yard.write("shop", manifest(idle, WORKER) if failing == "web" else manifest(WEB, idle))

    with yard.load() as load:
        end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add(
        "health check never passes" if failing == "web" else "health check of a worker never passes", end
    )
    assert end.code == 1
    assert "failed: its container's health check did not pass" in end.sentence
    assert "  stop code  ServiceSchedulerInitiated" in lines_of(end)
    assert "    doing nothing, in front of nobody" in lines_of(end)
    assert set(load.answers) == {"one"}
    assert_untouched(yard, before)


@pytest.mark.slow
def test_a_container_out_of_memory(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(WEB, process("worker", "eat")))

    end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("out of memory", end)
    assert end.code == 1
    assert end.sentence.startswith("shop worker: a task failed: it ran out of memory and was killed; raise")
    assert "  exit code  worker 137" in lines_of(end)
    assert "    eating memory" in lines_of(end)
    assert_untouched(yard, before)


def test_an_image_that_is_not_there(yard: Yard, told: Told, engine: docker.DockerClient) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(WEB, WORKER))
    code = yard.root / "services/shop/__main__.py"
    code.write_text(f"{code.read_text()}\n# an image that was never built: {uuid.uuid4()}\n")

    with theft(engine):
        end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("image not found", end)
    assert end.code == 1
    assert "failed: its image could not be pulled; see that the tag is in the registry" in end.sentence
    assert "  stop code  TaskFailedToStart" in lines_of(end)
    assert re.search(r"reason     CannotPullContainerError: .*estaleiro:shop-\w+: not found", end.last)
    assert_untouched(yard, before)


def test_a_secret_that_is_missing(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(WEB, WORKER, more='[secrets]\nnames = ["api_key"]\n'))

    end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("secret missing", end)
    assert end.code == 1
    assert re.match(
        r"shop (web|worker)( and (web|worker))?: (a task|\d tasks) failed: "
        r"the secret estaleiro/local/shop/api_key is missing or empty; set its value and deploy again",
        end.sentence,
    )
    assert "  stop code  TaskFailedToStart" in lines_of(end)
    assert_untouched(yard, before)


@pytest.mark.slow
def test_no_room_for_the_cpu_of_a_task(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(WEB, process("worker", "work", cpu=2048)))

    with yard.load() as load:
        end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("no capacity for CPU", end)
    assert end.code == 1
    assert re.match(
        r"shop worker: no host took its task within 10 s: no host has enough of CPU left: it needs 2048 CPU units "
        r"and 64 MiB; free are .*; raise hosts.max, or lower",
        end.sentence,
    )
    assert set(load.answers) == {"one"}
    assert_untouched(yard, before)


@pytest.mark.long
def test_no_room_for_the_memory_of_a_task(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(WEB, process("worker", "work", memory=4096)))

    end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("no capacity for memory", end)
    assert end.code == 1
    assert end.sentence.startswith(
        "shop worker: no host took its task within 10 s: no host is that large: it needs 128 CPU units and 4096 MiB, "
        "a whole host has 2048 units and 1945 MiB; choose larger hosts.instance_types"
    )
    assert_untouched(yard, before)


def test_a_rollout_that_somebody_else_stops(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    known = yard.deployments("shop", "web")[0]["serviceDeploymentArn"]
    yard.write("shop", manifest(process("web", "idle", more="count = 2"), WORKER))

    began = time.monotonic()
    command = yard.start("deploy", "--service", "shop", "--skip-checks")
    newest = eventually(
        lambda: (one := yard.deployments("shop", "web")[0])["serviceDeploymentArn"] != known and one
    )
    yard.client("ecs").stop_service_deployment(
        serviceDeploymentArn=newest["serviceDeploymentArn"], stopType="ROLLBACK"
    )
    end = ended(command, began)

    told.add("StopServiceDeployment by somebody else", end)
    assert end.code == 1
    assert end.sentence.startswith("shop web: somebody stopped its rollout (StopServiceDeployment)")
    assert "ECS, shop web: ROLLBACK_SUCCESSFUL" in end.last
    assert_untouched(yard, before)


def test_a_stack_that_fails_takes_its_sound_process_back_too(yard: Yard, told: Told) -> None:
    before = yard.running("shop", "web")
    yard.write("shop", manifest(process("web", "web", "two", more="count = 2"), process("worker", "crash")))

    end = yard.run("deploy", "--service", "shop", "--skip-checks")

    told.add("stack update that fails and rolls back", end)
    assert end.code == 1
    assert end.sentence.startswith("shop worker: a task failed: it exited with code 1")
    assert "the stack is UPDATE_ROLLBACK_COMPLETE" in end.last
    assert_untouched(yard, before)


@contextmanager
def theft(engine: docker.DockerClient) -> Iterator[None]:
    """Take each new image's name away as soon as it is given, as a careless clean-up of the registry does."""
    given = engine.events(decode=True, filters={"type": "image", "event": "tag"})

    def steal() -> None:
        for event in given:
            if (name := event["Actor"]["Attributes"]["name"]).startswith(ECR):
                engine.images.remove(name)

    thief = threading.Thread(target=steal)
    thief.start()
    try:
        yield
    finally:
        given.close()
        thief.join()
