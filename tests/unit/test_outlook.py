"""What a plan means: change sets asked and deleted, and the text that a reader gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from infra.aws import Aws
from infra.aws.cloudformation import Change, ChangeSet, Drift
from infra.aws.cloudformation import PropertyChange as Seen
from infra.checks.model import Unknown, fail, ok, skip
from infra.checks.report import checks_json, checks_text, failed_text
from infra.differences import PropertyChange, ResourceChange
from infra.errors import AwsError
from infra.migrations.revisions import Revision
from infra.outlook.change_sets import foreseen
from infra.outlook.cost import Bill, Item
from infra.outlook.meaning import ImageChange, Outlook, Upgrade, outlook
from infra.outlook.report import bill_text
from infra.report import plan_json, plan_text
from infra.stacks.model import Output, Stack
from infra.steps import Actual, DeleteStack, Deployed, Plan, RunTask, UpdateStack
from tests.shipyard import all_stacks, config

KIND = "AWS::RDS::DBInstance"
SHOWN = ResourceChange("change", "Database", KIND, (PropertyChange("Port", '"1"', '"2"'),))
REPLACED = ResourceChange("replace", "Database", KIND, (PropertyChange("Port", '"1"', '"2"', replaces=True),))
STACK = Stack("database", "yard-database", "{}", {"Vpc": Output("network", "Vpc")})
STEP = UpdateStack("database", stack=STACK, changes=(SHOWN,))
ACTUAL = Actual(
    {
        "network": Deployed("network", "yard-network", "CREATE_COMPLETE", outputs={"Vpc": "vpc-1"}),
        "database": Deployed("database", "yard-database", "UPDATE_COMPLETE"),
    }
)


@dataclass
class FakeCloudFormation:
    """Makes change sets that say that the database is replaced."""

    refuses: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    cloudformation: Any = None

    @property
    def wall(self) -> Aws:
        self.cloudformation = self
        return cast(Aws, self)

    def create_change_set(self, name: str, **request: Any) -> ChangeSet:
        self.asked.append({"name": name, "parameters": request["parameters"]})
        if self.refuses:
            raise AwsError("no")
        seen = Seen("/Properties/Port", "1", "2", "Always")
        return ChangeSet(
            "id",
            "n",
            name,
            "CREATE_COMPLETE",
            changes=(Change("Modify", "Database", "d", KIND, "True", (seen,)),),
        )

    def delete_change_set(self, change_set: ChangeSet) -> None:
        self.deleted.append(change_set.id)


def test_a_change_set_says_what_is_replaced_and_is_deleted_again() -> None:
    account = FakeCloudFormation()

    found = foreseen(account.wall, config("local"), Plan("local", (STEP,)), ACTUAL)

    assert found == Plan("local", (replace(STEP, changes=(REPLACED,)),))
    assert account.asked == [{"name": "yard-database", "parameters": {"Vpc": "vpc-1"}}]
    assert account.deleted == ["id"]


def test_an_empty_plan_asks_nothing() -> None:
    account = FakeCloudFormation()

    foreseen(account.wall, config("local"), Plan("local", ()), ACTUAL)

    assert account.asked == []


def test_a_refusal_counts_only_where_every_value_is_known() -> None:
    account = FakeCloudFormation(refuses=True)
    unsure = Plan("local", (replace(STEP, unknown=("Vpc",)),))

    assert foreseen(account.wall, config("local"), unsure, ACTUAL) == unsure
    with pytest.raises(AwsError):
        foreseen(account.wall, config("local"), Plan("local", (STEP,)), ACTUAL)


def test_a_reader_sees_replacements_first_and_what_the_plan_means_last() -> None:
    steps = (replace(STEP, changes=(REPLACED,)), DeleteStack("delete old", part="old", name="yard-old"))
    before = Bill((Item("hosts", 1, 10.0),), 10.0, "2026-01", "eu-west-1")
    after = Bill((Item("hosts", 2, 10.0), Item("x9", 1, None)), 40.0, "2026-01", "eu-west-1")
    look = Outlook(
        before,
        after,
        images=(ImageChange("shop web", "shop-1", "shop-2"), ImageChange("shop migrate", "shop-1", "shop-2")),
        upgrades=(
            Upgrade("shop", (Revision("0002", ("0001",), "Prices."),)),
            Upgrade("tokens", Unknown("who knows")),
        ),
        drift={
            "edge": (Drift("Queue", "AWS::SQS::Queue", "MODIFIED", ("Delay: is 9, not 0",)),),
            "network": (),
        },
    )

    assert plan_text(Plan("staging", steps), look) == (
        "staging: 2 steps\n"
        "  REPLACES yard-database Database (AWS::RDS::DBInstance) because of Port\n"
        "  REMOVES the whole stack yard-old\n"
        "  update stack yard-database\n"
        "      ! replace Database (AWS::RDS::DBInstance)\n"
        '          Port: "1" -> "2"  (forces replacement)\n'
        "  delete stack yard-old\n"
        "images\n"
        "  shop-1 -> shop-2: shop web, shop migrate\n"
        "migrations\n"
        "  shop: 0002 Prices.\n"
        "  tokens: who knows (`migrate --status`)\n"
        "changed by hand since the last deploy\n"
        "  edge Queue (AWS::SQS::Queue): MODIFIED\n"
        "      Delay: is 9, not 0\n"
        "cost a month: $10.00 -> $20.00 (+$10.00), up to $40.00 with all hosts\n"
        "  prices of 2026-01 in eu-west-1, without traffic and usage\n"
        "  not counted, no price is known: x9"
    )
    assert json.loads(json.dumps(plan_json(Plan("staging", steps), look)))["cost"]["after"]["dollars"] == 20.0


def test_an_empty_plan_says_nothing_but_drift() -> None:
    look = Outlook(drift={"edge": (Drift("Queue", "AWS::SQS::Queue", "DELETED"),)})

    assert plan_text(Plan("staging", ()), look) == (
        "staging: nothing to do; everything is as the files say.\n"
        "changed by hand since the last deploy\n"
        "  edge Queue (AWS::SQS::Queue): DELETED"
    )


def test_images_and_migrations_of_a_plan_come_from_templates_and_files() -> None:
    stacks = all_stacks("staging")[1:]
    old = {
        one.part: Deployed(
            one.part, one.name, "CREATE_COMPLETE", one.template.replace("gateway-0123", "gateway-ffff")
        )
        for one in stacks
    }
    steps = (RunTask("reviews migrate", service="reviews", task="migrate"),)
    files = {"reviews": (Revision("1", ()), Revision("2", ("1",)))}

    found = outlook(
        stacks, Actual(old), plan=Plan("staging", steps), prices=None, revisions=files, recorded={"reviews": "1"},
        drift=Unknown("not looked at"),
    )  # fmt: skip

    assert found == Outlook(
        images=(ImageChange("gateway web", "gateway-ffff456789ab", "gateway-0123456789ab"),),
        upgrades=(Upgrade("reviews", (Revision("2", ("1",)),)),),
        drift=Unknown("not looked at"),
    )


def test_a_bill_is_a_line_a_kind() -> None:
    bill = Bill((Item("hosts", 2, 10.0), Item("x9", 1, None)), 30.0, "2026-01", "eu-west-1")

    assert bill_text("staging", bill) == (
        "staging: $20.00 a month (eu-west-1, prices of 2026-01, without traffic)\n"
        "        $20.00       2 hosts\n"
        "  no price known       1 x9\n"
        "        $30.00  with every host that scaling may add"
    )


def test_checks_are_a_tree_with_reasons_and_fixes() -> None:
    checks = (
        ok("secrets", "a"),
        fail("secrets", "b", "it is empty", "set it"),
        skip("edge", "domain", "none"),
    )

    assert checks_text("local", checks) == (
        "local: 3 checks: 1 OK, 1 SKIP, 1 FAIL\n"
        "  secrets\n"
        "    OK    a\n"
        "    FAIL  b\n"
        "          it is empty\n"
        "          fix: set it\n"
        "  edge\n"
        "    SKIP  domain: none"
    )
    assert (
        failed_text("local", checks[1:2]) == "local: 1 check fails\n  secrets b: it is empty\n    fix: set it"
    )
    assert checks_json("local", checks)["ok"] is False
