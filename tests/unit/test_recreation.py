"""Change sets and templates together: what is made anew is told from what only might be."""

from __future__ import annotations

from typing import Any

from infra.aws.cloudformation import Change
from infra.aws.cloudformation import PropertyChange as Seen
from infra.differences import PropertyChange, ResourceChange
from infra.outlook.recreation import with_replacements

DATABASE = "AWS::RDS::DBInstance"
GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"


def change(kind: str, *properties: Seen, replacement: str | None = "True", **more: Any) -> Change:
    return Change("Modify", "Thing", "thing-1", kind, replacement, properties, **more)


def test_a_replacement_is_shown_with_the_property_that_forces_it() -> None:
    shown = ResourceChange(
        "change",
        "Thing",
        GROUP,
        (PropertyChange("Port", "80", "81"), PropertyChange("Matcher.HttpCode", "1", "2")),
    )
    seen = change(
        GROUP, Seen("/Properties/Port", "80", "81", "Always"), Seen("/Properties/Matcher", "1", "2", "Never")
    )

    assert with_replacements([shown], [seen]) == (
        ResourceChange(
            "replace",
            "Thing",
            GROUP,
            (PropertyChange("Port", "80", "81", replaces=True), PropertyChange("Matcher.HttpCode", "1", "2")),
        ),
    )


def test_a_conditional_change_that_rds_makes_in_place_raises_no_alarm() -> None:
    shown = ResourceChange("change", "Thing", DATABASE, (PropertyChange("StorageType", '"gp2"', '"gp3"'),))
    seen = change(
        DATABASE, Seen("/Properties/StorageType", "gp2", "gp3", "Conditionally"), replacement="Conditional"
    )

    assert with_replacements([shown], [seen]) == (shown,)


def test_any_other_conditional_change_of_what_holds_data_counts_as_a_replacement() -> None:
    shown = ResourceChange(
        "change", "Thing", DATABASE, (PropertyChange("DBSnapshotIdentifier", None, '"a"'),)
    )
    seen = change(
        DATABASE,
        Seen("/Properties/DBSnapshotIdentifier", None, "a", "Conditionally"),
        replacement="Conditional",
    )

    (found,) = with_replacements([shown], [seen])

    assert (found.action, found.properties[0].replaces) == ("replace", True)


def test_a_conditional_change_of_what_holds_no_data_may_replace() -> None:
    shown = ResourceChange("change", "Thing", GROUP, (PropertyChange("VpcId", "1", "2"),))
    seen = change(GROUP, Seen("/Properties/VpcId", "1", "2", "Conditionally"), replacement="Conditional")

    (found,) = with_replacements([shown], [seen])

    assert (found.action, found.may_replace) == ("change", True)


def test_what_a_change_set_lists_without_a_difference_is_no_change() -> None:
    referring = change(GROUP, Seen("/Properties/VpcId", "1", "1", "Always"), replacement="False")
    tags = change(GROUP, Seen("Tags", "a", "b", "Never"), replacement="False", scope=("Tags",))

    assert with_replacements([], [referring, tags]) == ()


def test_a_change_that_comes_from_a_parameter_alone_is_found() -> None:
    seen = change(GROUP, Seen("/Properties/Port", "80", "81", "Always"))

    assert with_replacements([], [seen]) == (
        ResourceChange("replace", "Thing", GROUP, (PropertyChange("Port", "80", "81", replaces=True),)),
    )


def test_a_new_revision_of_a_task_definition_is_a_change() -> None:
    kind = "AWS::ECS::TaskDefinition"
    shown = ResourceChange("change", "Thing", kind, (PropertyChange("Cpu", "1", "2"),))
    seen = change(kind, Seen("/Properties/Cpu", "1", "2", "Always"))

    assert with_replacements([shown], [seen]) == (shown,)
