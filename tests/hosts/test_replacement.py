"""Replacing hosts against a scripted ECS: the good way, a host that never drains, an agent that never connects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from infra.aws.autoscaling import Activity
from infra.errors import EstaleiroError, Refused
from infra.fleet.hosts import fleet, host_value
from tests.hosts.scripted import PLACE, Cluster, host


def test_hosts_are_replaced_one_at_a_time_each_emptied_first() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2", tasks=2)})

    new = cluster.replacement.replace(["i-1", "i-2"])

    assert new == ("i-new1", "i-new2")
    assert cluster.told == [
        "i-1 draining; 1 tasks",
        "i-1 its tasks run elsewhere",
        "i-1 ended; waiting for its successor",
        "i-1 replaced by i-new1",
        "i-2 draining; 3 tasks",
        "i-2 its tasks run elsewhere",
        "i-2 ended; waiting for its successor",
        "i-2 replaced by i-new2",
    ]
    assert {name: one.running for name, one in cluster.hosts.items()} == {"i-new1": 3, "i-new2": 0}


def test_a_host_that_never_drains_takes_tasks_again_and_nothing_else_is_touched() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")}, never_drains=frozenset({"i-1"}))

    with pytest.raises(EstaleiroError) as failure:
        cluster.replacement.replace(["i-1", "i-2"])

    assert str(failure.value) == (
        "i-1: after 600 s 1 of its tasks still run there, so it takes tasks again and was not replaced; "
        "look for room with `hosts list`, and at a task that will not stop\n"
        "replaced before: 0; not touched: i-2"
    )
    assert cluster.members == ["i-1", "i-2"]
    assert [one.status for one in cluster.hosts.values()] == ["ACTIVE", "ACTIVE"]


def test_a_service_that_does_not_come_up_elsewhere_keeps_its_host() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")}, services_running=0)

    with pytest.raises(EstaleiroError, match="movies-web did not come up elsewhere"):
        cluster.replacement.drain("i-1")

    assert cluster.hosts["i-1"].status == "ACTIVE"


def test_an_agent_that_never_connects_ends_it_with_the_console_and_the_next_is_not_touched() -> None:
    cluster = Cluster(
        {"i-1": host("i-1"), "i-2": host("i-2")},
        never_connects=frozenset({"i-new1"}),
        console={"i-new1": "Ignition failed: no such file\nemergency mode"},
    )

    with pytest.raises(EstaleiroError) as failure:
        cluster.replacement.replace(["i-1", "i-2"])

    assert str(failure.value) == (
        "no new host connected within 300 s: i-new1 started, but its agent is silent; its console ends with\n"
        "Ignition failed: no such file\nemergency mode\n"
        "replaced before: 0; not touched: i-2"
    )
    assert cluster.members == ["i-2", "i-new1"]
    assert cluster.hosts["i-2"].status == "ACTIVE"


def test_a_group_that_cannot_start_a_host_is_quoted() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")})
    cluster.launch = lambda image="": ""  # type: ignore[method-assign,assignment]
    cluster.activities_said = (
        Activity("2", "Successful", "Terminating i-1"),
        Activity("1", "Failed", "Launching", "The image id 'ami-old' does not exist"),
    )

    with pytest.raises(EstaleiroError, match="its group says: The image id 'ami-old' does not exist"):
        cluster.replacement.replace(["i-1"])


def test_the_last_host_of_a_group_that_may_not_grow_is_not_emptied() -> None:
    cluster = Cluster({"i-1": host("i-1")}, maximum=1)

    with pytest.raises(Refused, match=r"nowhere to go; raise hosts\.max"):
        cluster.replacement.replace(["i-1"])

    assert (cluster.told, cluster.hosts["i-1"].status) == ([], "ACTIVE")


def test_a_host_whose_agent_is_silent_is_ended_without_waiting_for_its_tasks() -> None:
    cluster = Cluster({"i-1": host("i-1", connected=False), "i-2": host("i-2")})

    assert cluster.replacement.replace(["i-1"]) == ("i-new1",)
    assert cluster.told == [
        "deregistered arn:i-1",
        "i-1 ended; waiting for its successor",
        "i-1 replaced by i-new1",
    ]


def test_a_host_that_never_joined_the_cluster_is_replaced_as_well() -> None:
    cluster = Cluster({"i-2": host("i-2")}, members=["i-1", "i-2"], never_connects=frozenset({"i-1"}))

    assert cluster.replacement.replace(["i-1"]) == ("i-new1",)


def test_a_stranger_is_not_ended() -> None:
    cluster = Cluster({"i-1": host("i-1")})

    with pytest.raises(EstaleiroError, match="i-9 is no host of this environment"):
        cluster.replacement.replace(["i-9"])

    assert cluster.members == ["i-1"]


def test_an_interrupted_drain_leaves_the_host_taking_tasks() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")}, never_drains=frozenset({"i-1"}))

    def interrupt(now: float) -> None:
        raise KeyboardInterrupt

    cluster.clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        cluster.replacement.drain("i-1")

    assert cluster.hosts["i-1"].status == "ACTIVE"


def test_the_list_joins_what_ec2_the_group_and_ecs_know() -> None:
    cluster = Cluster({"i-1": host("i-1")}, members=["i-1", "i-2"], never_connects=frozenset({"i-2"}))

    values = [host_value(one, datetime(2026, 8, 31, tzinfo=UTC)) for one in fleet(cluster.wall, PLACE)]

    common = {"zone": "eu-west-1a", "os": "4593.2.5", "image": "ami-old", "image_days": 30}
    room = {"cpu_free": 1024, "cpu": 2048, "memory_free": 1900, "memory": 3800}
    assert values == [
        {"instance": "i-1", **common, "status": "ACTIVE", "agent": "1.105.1", "connected": True, "tasks": 1, **room},
        {
            "instance": "i-2", **common, "status": "not in the cluster (InService)", "agent": "",
            "connected": False, "tasks": 0, **dict.fromkeys(room, 0),
        },
    ]  # fmt: skip


def test_a_draining_host_is_listed_as_such() -> None:
    cluster = Cluster({"i-1": replace(host("i-1"), status="DRAINING")})

    (value,) = [host_value(one, datetime(2026, 8, 31, tzinfo=UTC)) for one in fleet(cluster.wall, PLACE)]

    assert value["status"] == "DRAINING"
