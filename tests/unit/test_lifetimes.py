"""How long environments live, decided from tags, files and a time: no clock, no account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.aws.cloudformation import StackState
from infra.config.schedule import Schedule, last_change
from infra.lifetimes import Lifetime, Verdict, ago, lifetimes, network_tags, verdict, with_unfinished
from tests.shipyard import config

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
FILES = ("local", "staging", "production")


def judged(**changes: Any) -> Verdict:
    one = Lifetime("staging", expires=NOW + timedelta(days=9))
    whole = Lifetime(**{**one.__dict__, **changes})
    return verdict(whole, now=NOW, warn=timedelta(hours=24), protected={"production"}, known=FILES)


@pytest.mark.parametrize(
    ("changes", "action", "why"),
    [
        ({}, "keep", "ends in 9 d"),
        ({"expires": NOW + timedelta(hours=5)}, "warn", "ends in 5 h"),
        ({"expires": NOW - timedelta(minutes=30)}, "reap", "ended 30 min ago"),
        ({"expires": None}, "keep", "has no end"),
        ({"expires": NOW - timedelta(days=3), "guarded": True}, "keep", "is protected"),
        ({"environment": "production", "expires": NOW - timedelta(days=3)}, "keep", "is protected"),
        ({"environment": "pr-12", "like": "staging", "expires": NOW}, "reap", "ended 0 min ago"),
        ({"expires": None, "unfinished": True}, "reap", "its teardown did not come to its end"),
        ({"environment": "production", "expires": None, "unfinished": True}, "keep", "is protected"),
        (
            {"environment": "pr-12", "expires": NOW},
            "keep",
            "has no file, and no file that it is like; tear it down with --like",
        ),
    ],
)
def test_only_what_ended_and_nobody_protects_is_reaped(
    changes: dict[str, Any], action: str, why: str
) -> None:
    found = judged(**changes)

    assert (found.action, found.why) == (action, why)


def test_a_teardown_that_was_cut_off_after_the_tags_were_gone_is_not_forgotten() -> None:
    whole, half = Lifetime("staging", expires=NOW), Lifetime("pr-1", rooted=False)

    found = with_unfinished((whole, half), {"staging": None, "pr-1": "staging", "pr-2": "staging"})

    assert found == (
        Lifetime("pr-1", like="staging", rooted=False, unfinished=True),
        Lifetime("pr-2", like="staging", rooted=False, unfinished=True),
        whole,
    )


def test_a_deploy_sets_the_end_and_never_brings_it_forward() -> None:
    staging = config("staging")
    far = {"shipyard:expires-at": "2026-04-01T00:00:00+00:00", "shipyard:owner": "ana"}

    first = network_tags(staging, owner="rui", now=NOW, deployed={})
    again = network_tags(staging, owner="rui", now=NOW, deployed=far)

    assert first == {"shipyard:owner": "rui", "shipyard:expires-at": "2026-03-07T12:00:00+00:00"}
    assert again == far


def test_environments_are_read_from_the_tags_of_their_stacks() -> None:
    def stack(part: str, **tags: str) -> StackState:
        own = {"yard:environment": "pr-1", "yard:part": part, **{f"yard:{key}": tags[key] for key in tags}}
        return StackState(f"yard-pr-1-{part}", "CREATE_COMPLETE", tags=own, created=NOW)

    found = lifetimes(
        "yard",
        [
            stack("edge"),
            stack("network", like="staging", owner="ana", **{"expires-at": "2026-03-05T12:00:00+00:00"}),
            StackState("yard-account", "CREATE_COMPLETE", tags={"yard:part": "account"}),
        ],
    )

    assert found == (Lifetime("pr-1", "staging", "ana", NOW, NOW + timedelta(days=1)),)


@pytest.mark.parametrize(
    ("now", "change", "at"),
    [
        ("2026-03-04T12:00", "wake", "2026-03-04T08:00"),
        ("2026-03-04T07:59", "sleep", "2026-03-03T20:30"),
        ("2026-03-04T20:30", "sleep", "2026-03-04T20:30"),
        ("2026-03-08T12:00", "sleep", "2026-03-06T20:30"),  # a Sunday, since Friday
    ],
)
def test_a_schedule_says_what_it_asked_for_last(now: str, change: str, at: str) -> None:
    schedule = Schedule(sleep="20:30", wake="08:00")

    found = last_change(schedule, datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert found == (change, datetime.fromisoformat(at).replace(tzinfo=UTC))


def test_a_schedule_follows_its_time_zone_through_the_change_of_clocks() -> None:
    schedule = Schedule(sleep="20:00", wake="08:00", timezone="Europe/Lisbon")

    winter = last_change(schedule, datetime(2026, 3, 27, 12, tzinfo=UTC))
    summer = last_change(schedule, datetime(2026, 3, 30, 12, tzinfo=UTC))

    assert (winter[1].hour, summer[1].hour) == (8, 7)


def test_a_length_of_time_is_told_in_one_unit() -> None:
    lengths = (timedelta(minutes=5), timedelta(hours=3), timedelta(days=1), timedelta(days=3))

    assert [ago(one) for one in lengths] == ["5 min", "3 h", "24 h", "3 d"]
