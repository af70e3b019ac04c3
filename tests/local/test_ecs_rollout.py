"""The rules of a rollout, of the circuit breaker and of placement, on plain values."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.ecs import breaker, placement
from infra.local.ecs.placement import Choice, Host, Need
from infra.local.ecs.rollout import Bounds, Member, Step, bounds, is_done, step


def member(
    arn: str, *, current: bool = True, healthy: bool = True, leaving: bool = False, created: float = 0
) -> Member:
    return Member(arn, current=current, healthy=healthy, leaving=leaving, created=created)


def old(*arns: str, healthy: bool = True, leaving: bool = False) -> list[Member]:
    return [member(arn, current=False, healthy=healthy, leaving=leaving) for arn in arns]


def new(*arns: str, healthy: bool = True) -> list[Member]:
    return [member(arn, healthy=healthy) for arn in arns]


DOUBLE = Bounds(lower=2, upper=4)


@pytest.mark.parametrize(
    ("percents", "expected"),
    [((100, 200), Bounds(3, 6)), ((50, 150), Bounds(2, 4)), ((0, 100), Bounds(0, 3))],
)
def test_the_minimum_rounds_up_and_the_maximum_down(percents: tuple[int, int], expected: Bounds) -> None:
    assert bounds(3, minimum=percents[0], maximum=percents[1]) == expected


@pytest.mark.parametrize(
    ("members", "limits", "expected"),
    [
        pytest.param([], DOUBLE, Step(2, ()), id="an empty service starts all"),
        pytest.param(old("a", "b"), DOUBLE, Step(2, ()), id="new ones come before old ones go"),
        pytest.param(
            [*old("a", "b"), *new("c", healthy=False)], DOUBLE, Step(1, ()), id="the rest is started"
        ),
        pytest.param(
            [*old("a", "b"), *new("c", "d", healthy=False)], DOUBLE, Step(0, ()), id="it waits for health"
        ),
        pytest.param(
            [*old("a", "b"), *new("c"), *new("d", healthy=False)],
            DOUBLE,
            Step(0, ("a",)),
            id="one healthy lets one go",
        ),
        pytest.param(
            [*old("a", "b"), *new("c", "d")], DOUBLE, Step(0, ("a", "b")), id="all healthy let all go"
        ),
        pytest.param(
            [*old("a", healthy=False), *old("b")],
            DOUBLE,
            Step(2, ("a",)),
            id="what is not healthy goes at once",
        ),
        pytest.param(old("a", "b"), Bounds(1, 2), Step(0, ("a",)), id="room is made down to the minimum"),
        pytest.param(
            [*old("a", leaving=True), *old("b")],
            Bounds(1, 2),
            Step(0, ()),
            id="a task that stops still takes its place",
        ),
        pytest.param(new("a", "b", "c"), DOUBLE, Step(0, ("a",)), id="one too many goes"),
        pytest.param(new("a"), DOUBLE, Step(1, ()), id="a lost one is replaced"),
    ],
)
def test_the_next_step(members: list[Member], limits: Bounds, expected: Step) -> None:
    assert step(members, 2, limits) == expected


def test_a_pause_starts_nothing_and_still_takes_old_ones_away() -> None:
    assert step([*old("a", "b"), *new("c", "d")], 2, DOUBLE, may_start=False) == Step(0, ("a", "b"))
    assert step(new("a"), 2, DOUBLE, may_start=False) == Step(0, ())


def test_the_unhealthy_then_the_youngest_go_first() -> None:
    members = [member("old", created=1), member("young", created=9), member("ill", healthy=False, created=0)]

    assert step(members, 1, Bounds(1, 2)).stop == ("ill", "young")


def test_a_rollout_is_done_when_all_new_are_healthy_and_no_old_is_left() -> None:
    assert is_done(new("a", "b"), 2)
    assert not is_done([*new("a"), *new("b", healthy=False)], 2)
    assert not is_done([*new("a", "b"), *old("c", leaving=True)], 2)
    assert is_done([*new("a"), *old("b", "c")], 2, early=1)


def service(desired: int, kind: str | None = None, value: int = 0) -> dict[str, Any]:
    chosen = {"thresholdConfiguration": {"type": kind, "value": value}} if kind else {}
    return {
        "desiredCount": desired,
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True} | chosen},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (service(2), 3),
        (service(25), 13),
        (service(1000), 200),
        (service(2, "COUNT", 2), 2),
        (service(2, "UNBOUNDED_PERCENT", 50), 1),
        (service(1000, "UNBOUNDED_PERCENT", 50), 500),
        (service(10, "BOUNDED_PERCENT", 100), 10),
    ],
)
def test_the_breakers_threshold(given: dict[str, Any], expected: int) -> None:
    assert breaker.threshold(given) == expected


def test_pauses_grow_to_a_minute() -> None:
    assert [breaker.pause(failures) for failures in (0, 1, 2, 3, 4, 5, 8, 50)] == [0, 0, 0, 1, 2, 4, 32, 60]


HOSTS = (
    Host("a", cpu=1000, memory=1000, zone="1"),
    Host("b", cpu=500, memory=2000, zone="2", groups=("family:web",)),
)


def test_placement_spreads_over_zones_by_default() -> None:
    assert placement.choose(HOSTS, Need(100, 100), group="family:web").host == "a"


def test_binpack_takes_the_host_with_the_least_room() -> None:
    rule = [{"type": "binpack", "field": "cpu"}]

    assert placement.choose(HOSTS, Need(100, 100), strategy=rule).host == "b"


def test_a_task_that_does_not_fit_gets_a_reason_for_every_host() -> None:
    taken = (Host("c", cpu=500, memory=500, ports=frozenset({80})),)

    assert placement.choose(HOSTS, Need(800, 1500)) == Choice(
        None, {"a": "RESOURCE:MEMORY", "b": "RESOURCE:CPU"}
    )
    assert placement.choose(taken, Need(1, 1, frozenset({80}))) == Choice(None, {"c": "RESOURCE:PORTS"})
    assert placement.choose(HOSTS[1:], Need(1, 1), group="family:web", distinct=True) == Choice(
        None, {"b": "DISTINCT_INSTANCE"}
    )


def test_a_tasks_need_is_its_own_or_the_sum_of_its_containers() -> None:
    containers = [
        {
            "name": "a", "cpu": 100, "memory": 300, "memoryReservation": 200,
            "portMappings": [{"containerPort": 80, "hostPort": 8080}],
        },
        {"name": "b", "cpu": 50, "memory": 100},
    ]  # fmt: skip
    override = {"containerOverrides": [{"name": "b", "cpu": 150}]}

    summed = placement.need({"containerDefinitions": containers}, override)
    own = placement.need({"containerDefinitions": containers, "cpu": ".5 vCPU", "memory": "1 GB"}, {})

    assert (summed, own) == (Need(250, 300, frozenset({8080})), Need(512, 1024, frozenset({8080})))


def test_the_strategy_fills_bases_then_follows_weights() -> None:
    strategy = [
        {"capacityProvider": "fixed", "base": 1, "weight": 1},
        {"capacityProvider": "spot", "weight": 3},
    ]
    running: dict[str, int] = {}

    for _ in range(9):
        chosen = placement.provider(strategy, running)
        running[chosen] = running.get(chosen, 0) + 1

    assert running == {"fixed": 3, "spot": 6}
