"""Sleep, wake, extend and reap on the control plane."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.aws import Aws
from infra.commands import deploy, lifetimes, sleeping
from infra.commands.context import open_context
from infra.commands.ending import COMMANDS
from infra.commands.images import BuiltImages
from infra.commands.lives import overview_text, reaped_line
from infra.commands.parser import parser
from infra.commands.teardown import teardown
from infra.config import load
from infra.config.schedule import Schedule
from infra.errors import Refused
from infra.steps import Plan
from tests.shipyard import tags
from tests.teardown import yard
from tests.teardown.conftest import Yard

NETWORK = "shipyard-staging-network"


def expiring(staging: Yard, end: datetime) -> None:
    """Give the environment an end, as a deploy does."""
    context = staging.context()
    state = staging.aws.cloudformation.stack(NETWORK)
    assert state is not None
    lifetimes._retag(
        context,
        state,
        {**state.tags, "shipyard:expires-at": end.isoformat(timespec="seconds"), "shipyard:owner": "ana"},
    )


def scene(staging: Yard) -> dict[str, Any]:
    """What a sleep touches, as AWS tells it."""
    scaling, rds, ecs = (staging.client(name) for name in ("autoscaling", "rds", "ecs"))
    cluster = ecs.list_clusters()["clusterArns"][0]
    names = ecs.list_services(cluster=cluster)["serviceArns"]
    services = ecs.describe_services(cluster=cluster, services=names)["services"]
    return {
        "groups": {
            one["AutoScalingGroupName"]: (one["MinSize"], one["MaxSize"], one["DesiredCapacity"])
            for one in scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        },
        "databases": [one["DBInstanceStatus"] for one in rds.describe_db_instances()["DBInstances"]],
        "services": {one["serviceName"]: one["desiredCount"] for one in services},
    }


def test_a_sleeping_environment_costs_nothing_that_runs_and_wakes_as_it_was(staging: Yard) -> None:
    before, context = scene(staging), staging.context()

    said = sleeping.sleep(context)
    asleep = scene(staging)
    again = sleeping.sleep(context)
    woken = sleeping.wake(context)

    assert said == again
    assert set(asleep["groups"].values()) == {(0, 0, 0)}
    assert asleep["databases"] == ["stopped"]
    assert scene(staging) == before
    assert "1 database started" in woken
    assert sleeping.wake(context) == "staging is awake already"


class Tagged(BuiltImages):
    """Images that are built and in the registry, by the tags that the yard was deployed with."""

    @property
    def tags(self) -> dict[str, str]:
        return tags(self.config)

    def missing_in_registry(self, aws: Aws) -> frozenset[str]:
        return frozenset()


def test_a_deploy_wakes_what_sleeps_before_it_looks_at_anything(staging: Yard) -> None:
    before, context = scene(staging), staging.context()
    sleeping.sleep(context)
    asked: list[dict[str, Any]] = []

    def no(plan: Plan) -> bool:
        asked.append(scene(staging))
        return False

    with pytest.raises(Refused):
        deploy.deploy(context, Tagged(context.config, ()), deploy.Wishes(skip_checks=True), agreed=no)

    assert asked == [before]
    assert sleeping.wake(context) == "staging is awake already"


def test_what_sleeps_can_be_torn_down_with_its_note(staging: Yard, empty: frozenset[str]) -> None:
    sleeping.sleep(staging.context())

    ended = yard.end(staging.context())

    assert ended.audit.clean
    assert sorted(set(staging.plane.things()) - empty) == []


def test_a_database_that_aws_started_is_stopped_again(staging: Yard) -> None:
    context = staging.context()
    sleeping.sleep(context)
    rds = staging.client("rds")
    rds.start_db_instance(
        DBInstanceIdentifier=rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"]
    )
    _until(lambda: scene(staging)["databases"] == ["available"])

    found = lifetimes.reap(context, act=True)

    assert found[0].did.startswith("stopped again: ")
    assert scene(staging)["databases"] == ["stopped"]


def _until(condition: Any) -> None:
    from tests.local.cloud import wait_for

    wait_for("the condition", condition, seconds=20)


def test_a_schedule_is_kept_once_and_what_a_person_did_since_stands(staging: Yard) -> None:
    schedule = '[schedule]\nsleep = "20:00"\nwake = "08:00"\ndays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]\n'
    file = staging.root / "infra/environments/staging.toml"
    text = file.read_text()
    file.write_text(text + schedule)
    try:
        night = (datetime.now(UTC) + timedelta(days=1)).replace(hour=22, minute=0)
        slept = lifetimes.reap(staging.context(), act=True, now=night)
        state = scene(staging)["databases"]
        sleeping.wake(staging.context())
        rest = lifetimes.read(staging.context().bucket, "staging")
        assert rest is not None
        stands = lifetimes.reap(
            staging.context(), act=False, now=datetime.fromisoformat(rest.since) + timedelta(seconds=1)
        )
    finally:
        file.write_text(text)

    assert "its schedule says sleep since 20:00 UTC" in slept[0].verdict.why
    assert state == ["stopped"]
    assert stands[0].did == ""
    assert Schedule(sleep="20:00", wake="08:00").timezone == "UTC"


def test_an_end_is_put_off_and_an_ended_environment_is_reaped_only_when_told_to(
    staging: Yard, empty: frozenset[str]
) -> None:
    now = datetime.now(UTC)
    expiring(staging, now + timedelta(hours=1))
    soon = lifetimes.reap(staging.context(), act=True, now=now)
    end = lifetimes.extend(staging.context(), "24h", now=now)
    dry = lifetimes.reap(staging.context(), act=False, now=end + timedelta(hours=1))
    there = set(staging.plane.things()) - empty

    real = lifetimes.reap(staging.context(), act=True, now=end + timedelta(hours=1))

    assert [one.verdict.action for one in (*soon, *dry, *real)] == ["warn", "reap", "reap"]
    assert timedelta(hours=24) < end - now <= timedelta(hours=25)
    assert (bool(there), dry[0].did) == (True, "")
    assert real[0].did.startswith("torn down; nothing is left")
    assert "ends now" in reaped_line(real[0], True)
    assert set(staging.plane.things()) - empty == set()


def test_every_environment_is_listed_with_its_owner_cost_and_end(staging: Yard) -> None:
    expiring(staging, datetime.now(UTC) + timedelta(days=3, minutes=1))

    found = lifetimes.overview(staging.context())

    assert [(one["environment"], one["owner"], one["state"], one["protected"]) for one in found] == [
        ("staging", "ana", "awake", False)
    ]
    assert found[0]["monthly_cost"] > 90
    assert "ana" in overview_text(found, datetime.now(UTC))


def test_production_is_refused_in_every_way(
    staging: Yard, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = staging.root / "infra/environments"
    file = (folder / "staging.toml").read_text()
    production = folder / "production.toml"
    production.write_text("protected = true\n" + file)
    monkeypatch.setenv("AWS_ENDPOINT_URL", staging.plane.settings.endpoint_url)
    try:
        yard.deploy_only(staging.context("production"), "observability")
        before = staging.plane.things()

        for words in (
            "production",
            "production --yes",
            "production --like staging --yes",
            "production --yes --json",
            "pr-1 --like production --yes",
        ):
            arguments = parser().parse_args(["teardown", *words.split()])
            with pytest.raises(Refused) as refused:
                COMMANDS["teardown"](staging.root, arguments)
            assert (refused.value.exit_code, "Nothing was changed" in str(refused.value)) == (3, True)
        with pytest.raises(Refused):
            teardown(staging.context("production"), agreed=lambda prepared: None)
        with pytest.raises(Refused):
            sleeping.sleep(staging.context("production"))
        reaped = lifetimes.reap(staging.context(), act=True, now=datetime.now(UTC) + timedelta(days=9999))
        assert [one.verdict.why for one in reaped if one.verdict.environment == "production"] == [
            "is protected"
        ]
        production.write_text(file)
        lifted = parser().parse_args(["teardown", "production", "--yes"])
        with pytest.raises(Refused, match="needs its name typed"):
            COMMANDS["teardown"](staging.root, lifted)
        production.write_text(file.replace('account = "000000000000"', 'account = "444455556666"'))
        with pytest.raises(Refused, match="belongs to account 444455556666"):
            open_context(staging.root, load(staging.root, "production"), staging.context().reporter)
        assert staging.plane.things() == before
    finally:
        production.unlink(missing_ok=True)
