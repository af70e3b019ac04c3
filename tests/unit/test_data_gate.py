"""What holds data goes only when it was named, and a copy of it is there before."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.aws.cloudformation import Change, ChangeSet, StackResource, StackState
from infra.aws.cloudformation import PropertyChange as Seen
from infra.commands import data_gate
from infra.commands.changing import agree_to_deploy
from infra.commands.context import Context
from infra.commands.parser import parser
from infra.differences import ResourceChange
from infra.errors import NotFound, Refused
from infra.interruption import Stop
from infra.stack_changes import StackChanger
from infra.stacks.model import Stack
from infra.steps import Actual, Plan, UpdateStack
from tests.shipyard import SHIPYARD, config

DATABASE = "AWS::RDS::DBInstance"
STACK = Stack("database", "yard-staging-database", "{}")


def plan(*changes: ResourceChange) -> Plan:
    return Plan("staging", (UpdateStack("database", stack=STACK, changes=changes),))


REPLACED = ResourceChange("replace", "Instance", DATABASE)
QUEUE_GONE = ResourceChange("remove", "Queue", "AWS::SQS::Queue")


@dataclass
class Account:
    """A stack with a database; what happens to it, in order. `changes` is what CloudFormation will say."""

    changes: tuple[Change, ...] = ()
    done: list[str] = field(default_factory=list)
    looks: int = 0

    @property
    def cloudformation(self) -> Account:
        return self

    @property
    def rds(self) -> Account:
        return self

    @property
    def s3(self) -> Account:
        return self

    def bucket(self, name: str) -> Account:
        return self

    def resources(self, name: str) -> tuple[StackResource, ...]:
        return (StackResource("Instance", "db-1", DATABASE, "CREATE_COMPLETE"),)

    def snapshot(self, id: str) -> None:
        return None

    def create_snapshot(self, instance: str, id: str, tags: dict[str, str]) -> None:
        if instance != "db-1":
            raise NotFound("no such instance")
        self.done.append(f"snapshot {id}")

    def wait_snapshot(self, id: str, **more: Any) -> None:
        self.done.append(f"wait {id}")

    def stack(self, name: str) -> StackState:
        return StackState(name, "UPDATE_COMPLETE")

    def create_change_set(self, name: str, **more: Any) -> ChangeSet:
        return ChangeSet("c", stack=name, name="n", status="CREATE_COMPLETE", changes=self.changes)

    def delete_change_set(self, change_set: ChangeSet) -> None:
        self.done.append("delete the change set")

    def execute_change_set(self, change_set: ChangeSet) -> None:
        self.done.append("execute")


def context(account: Account) -> Context:
    environment = SimpleNamespace(
        project="yard",
        name="staging",
        account="0" * 12,
        region="eu-west-1",
        deploy=SimpleNamespace(stack_seconds=1),
    )
    reporter = SimpleNamespace(tell=lambda kind, step, text="", about="": None)
    config = SimpleNamespace(environment=environment, services=())
    return cast(Context, SimpleNamespace(aws=account, config=config, reporter=reporter))


def test_everything_that_would_be_lost_is_named_at_once() -> None:
    with pytest.raises(Refused) as caught:
        data_gate.refuse_losses(plan(REPLACED, QUEUE_GONE), frozenset())

    assert str(caught.value) == (
        "the plan would delete or replace what holds data: yard-staging-database: Instance, "
        "yard-staging-database: Queue; nothing was changed. Name each with --allow LOGICAL_ID if you mean it"
    )


def test_what_is_named_may_go_and_nothing_else() -> None:
    data_gate.refuse_losses(plan(REPLACED), frozenset({"Instance"}))

    with pytest.raises(Refused, match="yard-staging-database: Queue; nothing"):
        data_gate.refuse_losses(plan(REPLACED, QUEUE_GONE), frozenset({"Instance"}))


@pytest.mark.parametrize(
    "harmless",
    [
        ResourceChange("change", "Instance", DATABASE),
        ResourceChange("add", "Instance", DATABASE),
        ResourceChange("replace", "Group", "AWS::ElasticLoadBalancingV2::TargetGroup"),
        ResourceChange("remove", "Alarm", "AWS::CloudWatch::Alarm"),
    ],
    ids=["changed", "new", "no data replaced", "no data removed"],
)
def test_what_loses_no_data_needs_no_name(harmless: ResourceChange) -> None:
    data_gate.refuse_losses(plan(harmless), frozenset())


def test_a_database_that_may_go_is_copied_and_the_copy_is_waited_for() -> None:
    account = Account()

    names = data_gate.copies(context(account), plan(REPLACED, QUEUE_GONE), "20260501T120000Z-AB12")

    assert names == ["db-1-before-20260501t120000z-ab12"]
    assert account.done == [f"snapshot {names[0]}", f"wait {names[0]}"]


def seen(replacement: str, recreation: str) -> Change:
    properties = (Seen("/Properties/DBSubnetGroupName", "a", "b", recreation),)
    return Change("Modify", "Instance", "db-1", DATABASE, replacement, properties)


@pytest.mark.parametrize("change", [seen("True", "Always"), seen("Conditional", "Conditionally")])
def test_a_loss_that_the_plan_did_not_show_stops_the_step_before_it_begins(change: Change) -> None:
    account = Account((change,))
    made = context(account)
    changer = StackChanger(made.aws, made.config, made.reporter, Actual(), stop=Stop())

    with pytest.raises(
        Refused, match=r"would replace or delete Instance, which the plan did not show; nothing was"
    ):
        changer.update(UpdateStack("database", stack=STACK))

    assert account.done == ["delete the change set"]


@pytest.mark.parametrize(
    ("environment", "words", "refused"),
    [
        ("staging", "--yes", None),
        (
            "production",
            "--yes",
            "production is protected, and this deletes or replaces what holds data: Instance.",
        ),
        ("production", "--yes --confirm staging", "'staging' is not 'production'; nothing was changed"),
        ("production", "--confirm production", None),
    ],
)
def test_data_of_a_protected_environment_goes_only_when_its_name_is_typed_too(
    environment: str, words: str, refused: str | None
) -> None:
    arguments = parser().parse_args(["deploy", environment, "--allow", "Instance", *words.split()])
    surroundings = Context(SHIPYARD, config(environment), cast(Any, None), cast(Any, None), cast(Any, None))

    if refused is None:
        agree_to_deploy(surroundings, plan(REPLACED), arguments)
    else:
        with pytest.raises(Refused, match=re.escape(refused)):
            agree_to_deploy(surroundings, plan(REPLACED), arguments)
