"""Updating hosts against a scripted group: done well, an agent that never connects, a host that never drains."""

from __future__ import annotations

import pytest

from infra.aws.autoscaling import Refresh
from infra.errors import AwsError, EstaleiroError
from infra.fleet.refreshing import Refreshing
from tests.hosts.scripted import PATIENCE, PLACE, Cluster, host


def refreshing(cluster: Cluster, told: list[str], *, joins: bool = True) -> Refreshing:
    return Refreshing(
        cluster.wall,
        PLACE.group,
        cluster=PLACE.cluster if joins else None,
        patience=PATIENCE,
        told=told.append,
        clock=cluster.clock,
        sleep=cluster.clock.sleep,
    )


def states(*steps: tuple[str, int]) -> list[Refresh]:
    return [Refresh("refresh-1", status, percent, "waiting for tasks") for status, percent in steps]


def test_a_refresh_is_watched_to_its_end() -> None:
    steps = (("Pending", 0), ("InProgress", 0), ("InProgress", 50), ("Successful", 100))
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")}, refresh_states=states(*steps))
    told: list[str] = []

    refreshing(cluster, told).run()

    assert told == ["0 % replaced", "50 % replaced"]
    assert cluster.told == ["refresh started"]


def test_nothing_to_replace_is_done_at_once() -> None:
    cluster = Cluster({"i-1": host("i-1")}, refresh_states=states(("Successful", 100)))

    refreshing(cluster, []).run()

    assert cluster.clock.now == 0


def test_the_groups_success_is_not_ours_before_the_last_agent_connects() -> None:
    cluster = Cluster({"i-1": host("i-1")}, refresh_states=states(("InProgress", 0), ("Successful", 100)))
    cluster.on_refresh_look = lambda seen: None if seen.made else (seen.launch(), None)[1]

    refreshing(cluster, []).run()

    assert cluster.hosts["i-new1"].takes_tasks


def test_a_new_host_that_never_connects_stops_the_refresh_with_its_console() -> None:
    cluster = Cluster(
        {"i-1": host("i-1"), "i-2": host("i-2")},
        never_connects=frozenset({"i-new1"}),
        console={"i-new1": "docker: cannot pull"},
        refresh_states=states(("InProgress", 10)),
    )
    cluster.on_refresh_look = lambda seen: None if seen.made else (seen.launch(), None)[1]

    with pytest.raises(EstaleiroError) as failure:
        refreshing(cluster, []).run()

    assert str(failure.value) == (
        "a new host did not connect within 300 s, so the refresh was cancelled at 10 %: "
        "i-new1 started, but its agent is silent; its console ends with\ndocker: cannot pull"
    )
    assert cluster.told == ["refresh started", "refresh cancelled"]
    assert {"i-1", "i-2"} <= set(cluster.members)


def test_a_new_host_that_never_connects_is_found_after_the_groups_success_as_well() -> None:
    cluster = Cluster(
        {"i-1": host("i-1")},
        never_connects=frozenset({"i-new1"}),
        refresh_states=states(("InProgress", 0), ("Successful", 100)),
    )
    cluster.on_refresh_look = lambda seen: None if seen.made else (seen.launch(), None)[1]

    with pytest.raises(EstaleiroError, match="a new host did not connect within 300 s"):
        refreshing(cluster, []).run()


def test_a_host_that_never_drains_stops_the_refresh() -> None:
    cluster = Cluster({"i-1": host("i-1"), "i-2": host("i-2")}, refresh_states=states(("InProgress", 50)))

    with pytest.raises(EstaleiroError) as failure:
        refreshing(cluster, []).run()

    assert str(failure.value) == (
        "the refresh stood at 50 % for 900 s and was cancelled: waiting for tasks; "
        "a host whose tasks do not stop cannot be emptied"
    )
    assert cluster.told == ["refresh started", "refresh cancelled"]


def test_a_refresh_that_the_group_gives_up_is_a_failure() -> None:
    cluster = Cluster({"i-1": host("i-1")}, refresh_states=states(("InProgress", 0), ("Failed", 0)))

    with pytest.raises(EstaleiroError, match="the refresh ended as Failed: waiting for tasks"):
        refreshing(cluster, []).run()


def test_an_interrupted_refresh_is_cancelled() -> None:
    cluster = Cluster({"i-1": host("i-1")}, refresh_states=states(("InProgress", 0)))

    def interrupt(now: float) -> None:
        raise KeyboardInterrupt

    cluster.clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        refreshing(cluster, []).run()

    assert cluster.told == ["refresh started", "refresh cancelled"]


def test_a_refresh_that_is_in_progress_is_watched_and_not_started_again() -> None:
    cluster = Cluster({"i-1": host("i-1")}, refresh_states=states(("InProgress", 90), ("Successful", 100)))
    told: list[str] = []

    def busy(name: str, *, warm_up_seconds: int) -> str:
        raise AwsError("busy", code="InstanceRefreshInProgress")

    cluster.start_refresh = busy  # type: ignore[method-assign]
    refreshing(cluster, told).run()

    assert told == ["a refresh is in progress already; waiting for it to end"]


def test_a_nat_host_joins_no_cluster() -> None:
    cluster = Cluster({}, members=["i-nat"], refresh_states=states(("InProgress", 0), ("Successful", 100)))
    cluster.on_refresh_look = lambda seen: None if seen.made else (seen.launch(), None)[1]
    cluster.never_connects = frozenset({"i-new1", "i-nat"})

    refreshing(cluster, [], joins=False).run()

    assert cluster.told == ["refresh started"]
