"""Services behind a balancer, changed under load: no request is lost, whatever the new release does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.local.cloud import Cloud, wait_for
from tests.local.webs import Web, define, serving
from tests.local.workloads import Load, get


@pytest.fixture(scope="module")
def web(cloud: Cloud) -> Iterator[Web]:
    with serving(cloud) as made:
        yield made


def test_a_rolling_update_under_load_loses_no_request(web: Web) -> None:
    with Load(web.inside, host=web.host) as load:
        record = web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "1b", BOOT="1")))

    assert record["status"] == "SUCCESSFUL"
    assert load.answers.keys() == {"1", "1b"}, load.answers
    assert load.answers["1"] > 20
    web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "1")))


def test_a_broken_release_under_load_loses_no_request(web: Web) -> None:
    with Load(web.inside, host=web.host) as load:
        record = web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "bad", CRASH="3")))

    assert record["status"] == "ROLLBACK_SUCCESSFUL"
    assert load.answers.keys() == {"1"}, load.answers


def test_a_target_that_fails_its_health_checks_is_replaced(web: Web) -> None:
    web.ecs.update("v2", healthCheckGracePeriodSeconds=0)
    before = set(web.ecs.tasks_of("v2"))

    ill(web, min(before))

    wait_for("the replacement", lambda: before - set(web.ecs.tasks_of("v2")), seconds=60)
    (gone,) = before - set(web.ecs.tasks_of("v2"))
    assert web.ecs.ended(gone)["stoppedReason"] == (
        f"Task failed ELB health checks in (target-group {web.groups['2']})"
    )
    assert (
        f"(port 8080) is unhealthy in (target-group {web.groups['2']}) due to "
        "(reason Health checks failed with these codes: [500])"
    ) in web.ecs.events("v2")


def ill(web: Web, task: str) -> None:
    address = web.ecs.task(task)["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert get(f"http://{address}:8080/fall-ill") == "2"


def test_a_draining_target_ends_its_requests_first(web: Web) -> None:
    draining = ("draining", "Target.DeregistrationInProgress")
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(web.get, "/slow=3") for _ in range(4)]
        time.sleep(0.5)
        web.ecs.update("v1", desiredCount=1)
        wait_for("a draining target", lambda: draining in web.health("1"))
        quick = {web.get("/") for _ in range(10)}

    wait_for("one target", lambda: web.health("1") == [("healthy", None)])
    assert ({answer.result() for answer in slow}, quick) == ({"1"}, {"1"})
    web.ecs.update("v1", desiredCount=2)
