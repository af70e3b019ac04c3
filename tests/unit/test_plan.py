"""Plans: whole lists of steps for what is there and what should be."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from infra.config import Config, load
from infra.differences import PropertyChange, ResourceChange
from infra.plan import plan
from infra.stacks.draft import with_template
from infra.stacks.model import Output, Stack, Value
from infra.steps import (
    Actual,
    AwaitHosts,
    CreateStack,
    DeleteStack,
    Deployed,
    Judge,
    PushImage,
    RefreshHosts,
    RunTask,
    SmokeTest,
    UpdateStack,
)
from tests.builders import manifest, project_files, write_tree

# The one-off tasks that prepare each service, as its stack records them.
PREPARED = {"shop": ("Provision", "Migrate"), "tokens": ("Clients",)}


def template(**resources: object) -> str:
    return json.dumps({"Resources": resources})


def resource(value: str = "1") -> dict[str, object]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Value": value}}


def stack(part: str, *, value: str = "1", **parameters: Value) -> Stack:
    bare = Stack(part, f"yard-local-{part}", "", parameters)
    return with_template(bare, {"Resources": {"Thing": resource(value)}}, parameters)


def desired() -> tuple[Stack, ...]:
    """The stacks of the project below, in order."""
    network = stack("network")
    cluster = stack("cluster", Vpc=Output("network", "Vpc"))
    edge = stack("edge", Vpc=Output("network", "Vpc"))
    services = [
        made
        for name in ("gateway", "shop", "tokens")
        for made in (
            stack(f"{name}-release", Cluster=Output("cluster", "Cluster")),
            stack(
                name,
                **{
                    f"{task}TaskDefinition": Output(f"{name}-release", f"{task}TaskDefinition")
                    for task in ("Web", *PREPARED.get(name, ()))
                },
            ),
        )
    ]
    return (network, cluster, edge, *services)


def release_outputs(name: str, revision: int) -> dict[str, str]:
    """What a release stack gives: its task definitions."""
    tasks = ("Web", *PREPARED.get(name, ()))
    return {f"{task}TaskDefinition": f"{name}-{task.lower()}:{revision}" for task in tasks}


def deployed(stacks: tuple[Stack, ...], **outputs: Mapping[str, str]) -> dict[str, Deployed]:
    """The same stacks as CloudFormation would show them after a deploy."""
    known = {
        "network": {"Vpc": "vpc-1"},
        "cluster": {"Cluster": "cluster-1"},
        "edge": {"Url": "http://edge"},
        **{f"{name}-release": release_outputs(name, 1) for name in ("gateway", "shop", "tokens")},
        **outputs,
    }
    return {
        one.part: Deployed(
            part=one.part,
            name=one.name,
            status="CREATE_COMPLETE",
            template=one.template,
            parameters={
                key: known[value.part][value.key] if isinstance(value, Output) else str(value)
                for key, value in one.parameters.items()
            },
            outputs=known.get(one.part, {}),
            tags=one.tags,
        )
        for one in stacks
    }


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An issuer, a shop with a database that calls nobody, and the gateway."""
    shop = manifest("a shop") + '[database]\nname = "shop"\n'
    return load(write_tree(tmp_path, project_files(shop=shop)), "local")


def ids(steps: object) -> list[str]:
    return [step.id for step in steps]  # type: ignore[attr-defined]


def test_nothing_is_planned_straight_after_a_deploy(config: Config) -> None:
    assert plan(config, desired(), Actual(deployed(desired()))).empty


def test_a_first_deploy_creates_everything_in_order(config: Config) -> None:
    steps = {step.id: step for step in plan(config, desired(), Actual()).steps}

    assert list(steps) == [
        "network",
        "cluster",
        "hosts",
        "edge",
        "gateway-release",
        "shop-release",
        "tokens-release",
        "shop provision",
        "shop migrate",
        "shop",
        "shop verdict",
        "tokens clients",
        "tokens",
        "tokens verdict",
        "gateway",
        "gateway verdict",
        "smoke test",
    ]
    assert steps["hosts"] == AwaitHosts("hosts", frozenset({"cluster"}), count=1)
    assert steps["cluster"].needs == {"network"}
    assert steps["shop-release"].needs == {"cluster", "hosts"}
    assert steps["shop provision"] == RunTask(
        "shop provision", frozenset({"shop-release", "hosts"}), service="shop", task="provision"
    )
    assert steps["shop migrate"].needs == {"shop provision"}
    assert steps["shop"].needs == {"shop-release", "shop migrate", "hosts"}
    assert steps["tokens clients"].needs == {"gateway-release", "shop-release", "tokens-release", "hosts"}
    assert steps["gateway"].needs == {"gateway-release", "shop verdict", "tokens verdict", "hosts"}
    assert steps["smoke test"] == SmokeTest(
        "smoke test", frozenset({"shop verdict", "tokens verdict", "gateway verdict"})
    )


def test_hosts_of_an_older_template_are_replaced_before_anything_runs_on_them(config: Config) -> None:
    changed = tuple(
        stack("cluster", value="2", **one.parameters) if one.part == "cluster" else one for one in desired()
    )

    steps = {step.id: step for step in plan(config, changed, Actual(deployed(desired()))).steps}

    assert list(steps)[:3] == ["cluster", "refresh hosts", "hosts"]
    assert steps["refresh hosts"] == RefreshHosts("refresh hosts", frozenset({"cluster"}))
    assert steps["hosts"].needs == {"cluster", "refresh hosts"}


def test_a_changed_service_plans_its_own_steps_alone(config: Config) -> None:
    changed = tuple(
        stack("shop-release", value="2", **one.parameters) if one.part == "shop-release" else one
        for one in desired()
    )

    steps = plan(config, changed, Actual(deployed(desired()))).steps

    assert ids(steps) == [
        "shop-release",
        "shop provision",
        "shop migrate",
        "shop",
        "shop verdict",
        "smoke test",
    ]
    release, *_ = steps
    assert isinstance(release, UpdateStack)
    assert release.changes == (
        ResourceChange("change", "Thing", "AWS::SSM::Parameter", (PropertyChange("Value", '"1"', '"2"'),)),
    )
    service = steps[3]
    assert isinstance(service, UpdateStack)
    assert service.unknown == ("MigrateTaskDefinition", "ProvisionTaskDefinition", "WebTaskDefinition")


def test_a_migration_that_did_not_run_is_planned_again_though_the_release_stack_is_done(
    config: Config,
) -> None:
    there = deployed(desired())
    release = replace(there["shop-release"], outputs=release_outputs("shop", 2))

    steps = plan(config, desired(), Actual(there | {"shop-release": release})).steps

    assert ids(steps) == ["shop provision", "shop migrate", "shop", "shop verdict", "smoke test"]


def test_a_migration_that_ran_is_not_planned_again_for_another_change_of_the_service(config: Config) -> None:
    changed = tuple(
        stack("shop", value="2", **one.parameters) if one.part == "shop" else one for one in desired()
    )

    steps = plan(config, changed, Actual(deployed(desired()))).steps

    assert ids(steps) == ["shop", "shop verdict", "smoke test"]


def test_what_a_release_no_longer_has_goes_after_the_verdict(config: Config) -> None:
    there = deployed(desired())
    old = json.loads(there["shop-release"].template)
    old["Resources"] = {"Thing": resource("0"), "Old": resource()}
    running = {"shop-release": replace(there["shop-release"], template=json.dumps(old))}

    steps = plan(config, desired(), Actual(there | running)).steps

    first, last = steps[0], steps[-1]
    assert isinstance(first, UpdateStack)
    assert [change.action for change in first.changes] == ["change"]
    assert isinstance(last, UpdateStack)
    assert last.id == "shop-release removals"
    assert last.needs == {"shop-release", "shop verdict", "smoke test"}
    assert [(change.action, change.logical_id) for change in last.changes] == [("remove", "Old")]


def test_a_failed_create_is_replaced_by_a_new_one(config: Config) -> None:
    there = deployed(desired())
    failed = {"shop": replace(there["shop"], status="ROLLBACK_COMPLETE")}

    steps = {step.id: step for step in plan(config, desired(), Actual(there | failed)).steps}

    create = steps["shop"]
    assert isinstance(create, CreateStack)
    assert create.over_failed
    assert isinstance(steps["shop verdict"], Judge)


def test_a_service_gone_from_the_files_is_deleted_last_its_own_stack_first(config: Config) -> None:
    old = {
        part: Deployed(part, f"yard-local-{part}", "CREATE_COMPLETE", template(Thing=resource()))
        for part in ("cart", "cart-release")
    }

    steps = plan(config, desired(), Actual(deployed(desired()) | old)).steps

    assert steps == (
        DeleteStack("delete cart", part="cart", name="yard-local-cart"),
        DeleteStack(
            "delete cart-release",
            frozenset({"delete cart"}),
            part="cart-release",
            name="yard-local-cart-release",
        ),
    )


def test_images_that_the_registry_misses_are_pushed_before_the_releases_that_use_them(config: Config) -> None:
    missing = frozenset({"r/yard:shop-1"})

    steps = {step.id: step for step in plan(config, desired(), Actual(missing_images=missing)).steps}

    assert steps["push shop-1"] == PushImage("push shop-1", reference="r/yard:shop-1")
    assert "push shop-1" in steps["shop-release"].needs


def test_one_service_alone_can_be_planned(config: Config) -> None:
    changed = tuple(
        stack(one.part, value="2", **one.parameters) if one.part.endswith("-release") else one
        for one in desired()
    )

    steps = plan(config, changed, Actual(deployed(desired())), only="shop").steps

    assert ids(steps) == [
        "shop-release",
        "shop provision",
        "shop migrate",
        "shop",
        "shop verdict",
        "smoke test",
    ]


def test_what_nobody_has_judged_is_judged_though_nothing_changes(config: Config) -> None:
    left = frozenset({"shop verdict", "smoke test"})

    steps = plan(config, desired(), Actual(deployed(desired()), unproven=left)).steps

    assert steps == (
        Judge("shop verdict", service="shop"),
        SmokeTest("smoke test", frozenset({"shop verdict"})),
    )


def test_a_service_that_is_gone_is_not_judged(config: Config) -> None:
    left = frozenset({"berths verdict"})

    assert plan(config, desired(), Actual(deployed(desired()), unproven=left)).empty
