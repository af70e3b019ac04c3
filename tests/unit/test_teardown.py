"""What a teardown decides: whose a thing is, what goes and in which order, what is left. No account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.aws.autoscaling import Group, Member
from infra.aws.census import Found
from infra.aws.cloudformation import StackResource
from infra.aws.ecs import Host, ServiceState, Task
from infra.aws.rds import DatabaseInstance
from infra.errors import Refused
from infra.teardown.audit import NAMED, RECORDED, TAGGED, audit
from infra.teardown.guard import refuse_disguise, refuse_protected
from infra.teardown.inventory import Inventory, Owner, StackSeen
from infra.teardown.plan import Shared, order, plan_teardown
from infra.teardown.steps import (
    DeleteStack,
    EmptyBucket,
    FreeDatabase,
    FreeGroup,
    QuietService,
    ReleaseHosts,
    StopTask,
    Sweep,
    TakeSnapshot,
)
from tests.shipyard import config

OURS = {"shipyard:environment": "staging"}
THEIRS = {"shipyard:environment": "production"}
NEIGHBOURS = frozenset({"staging-2", "production"})


def owner() -> Owner:
    return Owner("shipyard", "staging", NEIGHBOURS)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("shipyard-staging-edge-Topic", True),
        ("/shipyard/staging/movies", True),
        ("shipyard/staging/movies/password", True),
        ("staging.internal.", True),
        ("shipyard-staging-2-edge-Topic", False),
        ("shipyard-production-edge", False),
        ("shipyard-stagingx-edge", False),
        ("shipyard", False),
    ],
)
def test_a_name_belongs_to_the_environment_with_the_longest_match(name: str, ours: bool) -> None:
    assert owner().named(Found("queue", name, name)) == ours


def test_the_stacks_go_in_reverse_order_of_their_references() -> None:
    stacks = {
        "network": StackSeen("network", "n", "CREATE_COMPLETE"),
        "edge": StackSeen("edge", "e", "CREATE_COMPLETE", sources=frozenset({"network"})),
        "web": StackSeen("web", "w", "CREATE_COMPLETE", sources=frozenset({"edge"})),
        "other": StackSeen("other", "o", "CREATE_COMPLETE", sources=frozenset({"web"})),
    }

    assert order(stacks) == ("other", "web", "edge", "network")


def test_everything_that_would_block_a_stack_is_cleared_before_it_and_the_rest_swept_after() -> None:
    found = plan_teardown(config("staging"), whole(), Shared(stamp="1"))

    deletions = frozenset({"delete network", "delete cluster"})
    before = frozenset({"stop 1", "quiet web", "free hosts", "release hosts", "empty files", "free db"})
    assert found.steps == (
        StopTask("stop 1", cluster="yard", arn="task/1"),
        QuietService("quiet web", cluster="yard", name="web", scaled=True),
        FreeGroup("free hosts", name="hosts"),
        ReleaseHosts(
            "release hosts",
            frozenset({"stop 1", "quiet web", "free hosts"}),
            cluster="yard",
            groups=("hosts",),
        ),
        EmptyBucket("empty files", frozenset({"stop 1", "quiet web"}), name="files"),
        FreeDatabase("free db", database="db"),
        DeleteStack("delete cluster", before, part="cluster", name="shipyard-staging-cluster"),
        DeleteStack(
            "delete network", before | {"delete cluster"}, part="network", name="shipyard-staging-network"
        ),
        Sweep("sweep secrets", deletions, kind="secret", targets=("arn:secret",)),
        Sweep("sweep records", deletions, kind="record", targets=("releases/staging/",)),
    )


def whole() -> Inventory:
    network = StackSeen(
        "network",
        "shipyard-staging-network",
        "CREATE_COMPLETE",
        resources=(StackResource("Vpc", "vpc-1", "AWS::EC2::VPC", "CREATE_COMPLETE"),),
    )
    cluster = StackSeen(
        "cluster",
        "shipyard-staging-cluster",
        "CREATE_COMPLETE",
        guarded=True,
        sources=frozenset({"network"}),
        resources=(StackResource("Db", "db", "AWS::RDS::DBInstance", "CREATE_COMPLETE"),),
    )
    host = Host("host/1", "i-1", "ACTIVE", True, 1, 0, 2048, 4096, 1024, 2048)
    return Inventory(
        "staging",
        stacks={"network": network, "cluster": cluster},
        found=(
            Found("secret", "arn:secret", "left", OURS, "2026-01-01"),
            Found("secret", "arn:theirs", "shipyard-staging-odd", THEIRS),
            Found("network interface", "eni-1", "held", within="vpc-1", detail="in-use", tags=THEIRS),
        ),
        cluster="yard",
        services=(ServiceState("web", "arn", "ACTIVE", 2, 2, 0, "web:1"),),
        scaled=frozenset({"web"}),
        tasks=(Task("task/1", "RUNNING", group="family:migrate"),),
        hosts=(host,),
        groups=(Group("hosts", 1, 2, 1, (Member("i-1", "InService", "Healthy", protected=True),)),),
        databases=(DatabaseInstance("db", "arn:db", "modifying", protected=True),),
        buckets={"files": 3, "none": 0},
        notes=("releases/staging/",),
        recorded=frozenset({"vpc-1", "db"}),
        neighbours=NEIGHBOURS,
    )


def test_what_is_in_the_way_is_named_and_what_only_a_person_can_clear_is_marked() -> None:
    found = plan_teardown(config("staging"), whole(), Shared())

    assert [(one.kind, one.name, one.fatal) for one in found.obstacles] == [
        ("stack", "shipyard-staging-cluster", False),
        ("one-off task", "1", False),
        ("group of hosts", "hosts", False),
        ("bucket", "files", False),
        ("database", "db", False),
        ("database", "db", False),
        ("network interface", "eni-1", True),
    ]


def test_a_database_whose_template_takes_no_snapshot_gets_one_where_the_file_wants_it() -> None:
    keeping = config("staging")
    keeping = replace(
        keeping,
        environment=keeping.environment.model_copy(
            update={"database": keeping.environment.database.model_copy(update={"final_snapshot": True})}
        ),
    )
    snapshotting = replace(whole(), stacks={"cluster": replace(whole().stacks["cluster"], snapshots=True)})

    plain = plan_teardown(keeping, whole(), Shared(stamp="1"))
    by_template = plan_teardown(keeping, snapshotting, Shared(stamp="1"))

    taken = TakeSnapshot("snapshot db", frozenset({"free db"}), database="db", snapshot="db-final-1")
    assert taken in plain.steps
    assert [step for step in by_template.steps if isinstance(step, TakeSnapshot)] == []
    assert "database.final_snapshot is set" in [one.why for one in plain.kept]


def test_images_go_only_where_no_other_account_pulls_them() -> None:
    with_images = replace(whole(), images=("movies-1",))

    alone = plan_teardown(config("staging"), with_images, Shared())
    shared = plan_teardown(config("staging"), with_images, Shared("account 4 pulls its images from here"))

    def image_steps(found: object) -> list[Sweep]:
        return [step for step in found.steps if isinstance(step, Sweep) and step.kind == "image"]  # type: ignore[attr-defined]

    assert [(step.targets, step.within) for step in image_steps(alone)] == [(("movies-1",), "shipyard")]
    assert image_steps(shared) == []
    assert [one.why for one in shared.kept if one.kind == "images"] == [
        "account 4 pulls its images from here"
    ]


def test_the_audit_says_how_it_knows_and_leaves_other_environments_out() -> None:
    found = (
        Found("queue", "q1", "q1", OURS),
        Found("network", "vpc-1", "vpc-1"),
        Found("topic", "t1", "shipyard-staging-edge-Topic"),
        Found("topic", "t2", "shipyard-staging-edge-Topic", THEIRS),
        Found("topic", "t3", "shipyard-staging-2-edge-Topic"),
        Found("bucket", "b", "somebody"),
    )
    inventory = Inventory("staging", found=found, recorded=frozenset({"vpc-1"}), neighbours=NEIGHBOURS)

    result = audit(config("staging"), inventory)

    assert [(one.id, one.why) for one in result.leftovers] == [
        ("q1", TAGGED),
        ("vpc-1", RECORDED),
        ("t1", NAMED),
    ]
    assert (result.checked, result.clean) == (6, False)


def test_a_protected_environment_is_refused_by_its_file_and_not_under_another_name() -> None:
    with pytest.raises(Refused, match="protected = true"):
        refuse_protected(config("production"))
    with pytest.raises(Refused, match="has a file of its own"):
        refuse_disguise("production", "staging", ("production", "staging"))

    refuse_protected(config("staging"))
    refuse_disguise("pr-1", "staging", ("production", "staging"))
