"""Checks: nothing fails where nothing is wrong, and each fault is found with its reason and its fix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import Session

from infra.checks import ALL, FAST, check, failures
from infra.checks.capacity import Demand, capacity, placed
from infra.checks.facts import (
    CertificateFact,
    DatabaseFact,
    Facts,
    HostFact,
    HostSize,
    ImageFact,
    Machine,
    Migrations,
    SecretFact,
    ZoneFact,
)
from infra.checks.ground import account, machine, quotas, templates
from infra.checks.model import Check, Unknown
from infra.checks.outside import database, edge
from infra.checks.revisions import revisions
from infra.checks.runtime import images, log_groups, roles, trusted
from infra.checks.secrets import secrets
from infra.checks.states import GOES_ON, STOPS, stack_states
from infra.migrations.rules import Finding
from infra.plan import plan
from infra.recovery import way_on
from infra.stacks.model import Output
from infra.steps import Actual
from tests.facts import facts
from tests.shipyard import HASH

Rule = Callable[[Facts], Iterable[Check]]


def failing(rule: Rule, found: Facts) -> list[tuple[str, str]]:
    """Subject and reason of what fails."""
    return [(one.subject, one.reason) for one in failures(check(found, (rule,)))]


def with_stack(found: Facts, part: str, **changes: Any) -> Facts:
    assert isinstance(found.actual, Actual)
    stacks = dict(found.actual.stacks)
    stacks[part] = replace(stacks[part], **changes)
    return replace(found, actual=replace(found.actual, stacks=stacks))


@pytest.mark.parametrize("environment", ["local", "staging", "production", "fargate"])
def test_nothing_fails_where_nothing_is_wrong(environment: str) -> None:
    changes: dict[str, Any] = {}
    if environment == "production":
        changes["certificate"] = CertificateFact("ISSUED", ("example.org",))
    if environment == "fargate":
        changes["hosts"] = ()

    found = check(facts(environment, **changes), ALL)

    assert failures(found) == ()
    assert all(one.reason for one in found if one.status == "SKIP")


def test_a_fact_that_could_not_be_had_is_skipped_with_its_reason() -> None:
    blind = Unknown("not allowed to look")
    names = ("account", "account_stack", "actual", "plan", "images", "log_groups", "hosts", "host_size")
    found = replace(
        facts(), **{name: blind for name in names}, databases=blind, certificate=blind, zone=blind
    )

    checks = check(found, ALL)

    assert failures(checks) == ()
    assert {one.reason for one in checks if one.status == "SKIP"} == {
        "not allowed to look",
    }


def test_every_failure_says_how_to_mend_it() -> None:
    found = replace(
        facts(),
        account="999999999999",
        account_stack=None,
        images=(ImageFact("web", False, True, "arm64"),),
        secrets={id: SecretFact("missing") for id in facts().secrets},
        log_groups=frozenset(),
        databases={"database": None},
        host_size=HostSize(1, 1),
        certificate=None,
        zone=None,
        machine=Machine(Unknown("no Docker"), 1.0, 3.0, {8080: "something listens"}),
        refusals={"edge": "unresolved"},
    )

    failed = failures(check(found, ALL))

    assert {one.name for one in failed} == {
        "account", "machine", "templates", "images", "secrets", "logs", "edge", "database", "capacity",
    }  # fmt: skip
    assert all(one.reason and one.fix for one in failed)


def test_the_credentials_of_another_account_are_refused() -> None:
    found = replace(facts(), account="999999999999")

    assert failing(account, found) == [
        ("credentials", "staging belongs to account 111122223333, the credentials to 999999999999")
    ]


def test_an_account_without_its_stack_is_told_to_bootstrap() -> None:
    (failed,) = failures(check(replace(facts(), account_stack=None), (account,)))

    assert failed == Check(
        "account",
        "bootstrap",
        "FAIL",
        "stack shipyard-account is not there in eu-west-1",
        "run `./deploy.py bootstrap staging` once",
    )


def test_an_account_that_another_version_bootstrapped_is_told_to_do_it_again() -> None:
    (failed,) = failures(check(replace(facts(), account_current=False), (account,)))

    assert failed == Check(
        "account",
        "bootstrap",
        "FAIL",
        "stack shipyard-account is not as these files make it: its boundary, roles or bucket are of another version",
        "run `./deploy.py bootstrap staging` again",
    )


def test_every_status_of_cloudformation_is_known() -> None:
    statuses = Session().get_service_model("cloudformation").shape_for("StackStatus").enum

    assert {*GOES_ON, *STOPS} == set(statuses) - {"DELETE_COMPLETE"}
    assert not set(GOES_ON) & set(STOPS)


@pytest.mark.parametrize("status", sorted(STOPS))
def test_a_stack_that_is_stuck_stops_a_deploy(status: str) -> None:
    found = with_stack(facts(), "edge", status=status)

    assert failing(stack_states, found) == [
        ("edge", f"shipyard-staging-edge is {status}: {way_on(status).why}")
    ]


@pytest.mark.parametrize("status", sorted(GOES_ON))
def test_a_stack_that_a_deploy_can_mend_does_not_stop_it(status: str) -> None:
    assert failing(stack_states, with_stack(facts(), "edge", status=status)) == []


def test_a_secret_without_a_value_names_the_command_that_sets_it() -> None:
    name = "shipyard/staging/mailer/smtp_password"
    found = replace(facts(), secrets={**facts().secrets, name: SecretFact("missing")})  # type: ignore[dict-item]

    assert failures(check(found, (secrets,))) == (
        Check(
            "secrets",
            name,
            "FAIL",
            "mailer send, mailer send-late cannot start: it has no value",
            "set it: ./deploy.py secrets set staging mailer smtp_password",
        ),
    )


def test_a_json_key_that_is_missing_names_the_tasks_and_the_key() -> None:
    arn = "reviews-release.AppLogin"
    found = replace(
        facts(),
        secrets={**facts().secrets, arn: SecretFact("readable", frozenset({"username"}))},  # type: ignore[dict-item]
    )

    (failed,) = failures(check(found, (secrets,)))

    assert failed.reason == (
        "reviews beat, reviews provision, reviews web, reviews worker cannot start: "
        "the key 'password' is missing; it has 'username'"
    )
    assert f"put-secret-value --secret-id {arn}" in failed.fix


def test_a_secret_that_may_not_be_read_is_no_failure() -> None:
    unreadable = SecretFact("unreadable", why="not allowed to secretsmanager:GetSecretValue")
    found = replace(facts(), secrets={id: unreadable for id in facts().secrets})

    results = check(found, (secrets,))

    assert {(one.status, one.reason) for one in results} == {("SKIP", unreadable.why)}


def test_a_first_deploy_makes_its_own_secrets_but_not_those_that_people_set() -> None:
    new = replace(facts(), actual=Actual(), resources={}, secrets={
        "shipyard/staging/mailer/smtp_password": SecretFact("missing"),
        "shipyard/staging/mailer/smtp_user": SecretFact("readable"),
    })  # fmt: skip

    assert [subject for subject, _ in failing(secrets, new)] == ["shipyard/staging/mailer/smtp_password"]


def test_a_key_that_the_template_will_not_make_is_found_before_the_secret_exists() -> None:
    stacks = tuple(
        replace(
            one, template=one.template.replace('"GenerateStringKey":"password"', '"GenerateStringKey":"pass"')
        )
        if one.part == "reviews-release"
        else one
        for one in facts().stacks
    )
    new = replace(facts(), stacks=stacks, actual=Actual(), resources={})

    failed = {subject for subject, _ in failing(secrets, new)}

    assert failed == {"reviews-release AppLogin", "reviews-release OwnerLogin", "reviews-release ReaderLogin"}


def test_images_for_another_processor_are_refused() -> None:
    hosts = (HostFact("i-arm", HostSize(2048, 4000), HostSize(2048, 4000), "arm64"),)
    wrong = (ImageFact(f"web-{HASH}", False, True, "arm64"),)

    assert failing(images, replace(facts(), hosts=hosts, images=wrong)) == [
        ("hosts", "images are built for x86_64; another processor have i-arm"),
        (f"web-{HASH}", "it is for arm64, the hosts are x86_64"),
    ]


def test_a_role_that_somebody_changed_or_deleted_is_found() -> None:
    changed = {"shop-release.TaskRole": frozenset({"ec2.amazonaws.com"}), "reviews-release.TaskRole": None}
    names = {name for name in changed if name in facts().trusts}  # type: ignore[operator]
    found = replace(facts(), trusts={**facts().trusts, **{n: changed[n] for n in names}})  # type: ignore[dict-item]

    assert failing(roles, found) == [
        ("reviews-release TaskRole", "role reviews-release.TaskRole was deleted")
    ]


@pytest.mark.parametrize(
    ("statement", "services"),
    [
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "a"}}, {"a"}),
        ({"Effect": "Allow", "Action": ["sts:TagSession", "sts:AssumeRole"], "Principal": {"Service": ["a", "b"]}},
         {"a", "b"}),
        ({"Effect": "Allow", "Action": "sts:*", "Principal": {"Service": "a"}}, {"a"}),
        ({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"Service": "a"}}, set()),
        ({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "a"}}, set()),
    ],
)  # fmt: skip
def test_a_trust_policy_is_read_as_iam_reads_it(statement: dict[str, Any], services: set[str]) -> None:
    assert trusted({"Statement": statement}) == trusted({"Statement": [statement]}) == services


def test_a_log_group_that_is_gone_or_in_the_way_is_found() -> None:
    gone = replace(facts(), log_groups=facts().log_groups - {"/shipyard/staging/reviews"})  # type: ignore[operator]
    left = replace(facts(), actual=Actual())

    assert failing(log_groups, gone) == [
        ("/shipyard/staging/reviews", "it was deleted, and no task of reviews can start without it")
    ]
    assert len(failing(log_groups, left)) == len(facts().config.services)


@pytest.mark.parametrize(
    ("zone", "reason"),
    [
        (None, "Route 53 has no zone Z0000000000000 in this account"),
        (ZoneFact("example.org.", private=True), "example.org is a private zone"),
        (ZoneFact("example.com.", private=False), "staging.example.org does not lie in example.com"),
    ],
)
def test_a_zone_that_cannot_hold_the_name_is_found(zone: ZoneFact | None, reason: str) -> None:
    assert failing(edge, replace(facts(), zone=zone)) == [("zone", reason)]


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (None, "ACM has no such certificate in this region"),
        (CertificateFact("EXPIRED", ("x.org",)), "it is EXPIRED"),
        (CertificateFact("ISSUED", ("*.org",)), "it is for *.org, not fargate.example.org"),
    ],
)
def test_a_certificate_that_does_not_serve_is_found(certificate: CertificateFact | None, reason: str) -> None:
    assert failing(edge, replace(facts("fargate"), certificate=certificate)) == [("certificate", reason)]


@pytest.mark.parametrize("status", ["stopped", "failed", "storage-full"])
def test_a_database_that_does_not_serve_stops_a_deploy(status: str) -> None:
    found = replace(facts(), databases={"database": DatabaseFact(status)})

    assert failing(database, found) == [("database", f"it is {status}")]


def test_a_database_at_a_migration_that_this_release_does_not_know_stops_a_deploy() -> None:
    ahead = {"shop": Migrations(frozenset({"0001"}), ("0001",), "0003")}

    assert failing(database, replace(facts(), migrations=ahead)) == [
        ("migrations of shop", "the database is at 0003, which this release does not know (its last is 0001)")
    ]


def test_two_last_migrations_stop_a_deploy() -> None:
    split = {"shop": Migrations(frozenset({"0001", "2a", "2b"}), ("2a", "2b"), "0001")}

    assert failing(database, replace(facts(), migrations=split)) == [
        ("migrations of shop", "2a, 2b are all the last one")
    ]


def test_a_pending_migration_that_would_disturb_what_serves_fails_until_it_says_why() -> None:
    file = "services/shop/migrations/versions/0003.py"
    drop = Finding(
        "shop", "0003", file, "ban-drop-column", "It breaks readers.", "ALTER TABLE a DROP COLUMN b;"
    )

    assert failing(revisions, replace(facts(), revisions=(drop,))) == [
        (file, "ban-drop-column: It breaks readers. (ALTER TABLE a DROP COLUMN b;)")
    ]
    allowed = replace(facts(), revisions=(replace(drop, reason="nobody reads it"),))
    assert [(one.status, one.reason) for one in check(allowed, [revisions])] == [
        ("OK", "0003 is allowed ban-drop-column: nobody reads it")
    ]


def test_more_rules_than_a_balancer_takes_are_counted() -> None:
    found = replace(facts(), quotas={"Rules per Application Load Balancer": 2})

    assert failing(quotas, found) == [("Rules per Application Load Balancer", "3 are needed, 2 are allowed")]


def test_what_linter_and_cloudformation_say_is_a_failure_of_that_template() -> None:
    found = replace(
        facts(), lint={"edge": ("E3002 unknown property",)}, refusals={"network": "bad", "edge": None}
    )

    assert failing(templates, found) == [
        ("edge", "cfn-lint: E3002 unknown property"),
        ("network", "CloudFormation: bad"),
    ]


def test_a_reference_to_an_output_that_no_stack_gives_is_found() -> None:
    first, *rest = facts().stacks
    broken = replace(first, parameters={"Zone": Output("edge", "Nonsense")})

    assert failing(templates, replace(facts(), stacks=(broken, *rest))) == [
        ("references", f"no stack gives {first.part} uses edge.Nonsense")
    ]


def test_a_machine_without_engine_room_or_port_is_found() -> None:
    found = replace(
        facts("local"), machine=Machine(Unknown("no Docker"), 1.0, 3.0, {8080: "something listens"})
    )

    assert failing(machine, found) == [
        ("engine", "no Docker"),
        ("disk", "1.0 GB are free, 3 GB are needed"),
        ("port 8080", "something listens"),
    ]


def test_a_task_that_no_host_can_ever_hold_is_found() -> None:
    found = replace(facts(), host_size=HostSize(2048, 400))

    assert failing(capacity, found)[0] == (
        "gateway web",
        "it wants 256 CPU units and 512 MiB, and a whole host (t3.medium, t3a.medium) has 2048 CPU units and 400 MiB",
    )


def test_full_hosts_that_cannot_grow_stop_a_first_deploy() -> None:
    first = replace(facts(), plan=plan(facts().config, facts().stacks, Actual()))
    small = HostSize(512, 1024)
    hosts = tuple(HostFact(f"i-{number}", small, HostSize(0, 0), "x86_64") for number in range(4))

    (failed,) = failing(capacity, replace(first, hosts=hosts, host_size=small))

    assert failed[0] == "rollout"
    assert failed[1].endswith("with hosts.max = 4")


def test_the_migration_task_needs_room_too() -> None:
    room = [HostSize(256, 512)]
    demands = [Demand("shop web", HostSize(256, 512)), Demand("shop migrate", HostSize(256, 512))]

    assert placed(demands, room) == (Demand("shop migrate", HostSize(256, 512)),)
    assert placed(demands, [*room, *room]) == ()


def test_placing_leaves_no_gap_that_a_better_order_would_use() -> None:
    room = [HostSize(1000, 1000), HostSize(1000, 2000)]
    demands = [Demand("small", HostSize(100, 1000)), Demand("large", HostSize(100, 2000))]

    assert placed(demands, room) == ()


def test_the_fast_rules_are_some_of_all() -> None:
    assert set(FAST) < set(ALL)
    assert json.dumps([rule.__name__ for rule in ALL])
