"""Differences between templates: what a reader of a plan is told."""

import json

from infra.differences import PropertyChange, ResourceChange, template_changes


def template(**resources: dict[str, object]) -> str:
    return json.dumps({"Resources": resources})


def queue(seconds: int) -> dict[str, object]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": seconds}}


def test_the_same_template_in_another_order_has_no_differences() -> None:
    one = json.dumps({"Resources": {"A": queue(1), "B": queue(2)}})
    two = json.dumps({"Resources": {"B": queue(2), "A": queue(1)}}, indent=3)

    assert template_changes(one, two) == ()


def test_resources_are_added_changed_and_removed_with_before_and_after() -> None:
    changes = template_changes(template(Old=queue(1), Jobs=queue(30)), template(Jobs=queue(60), New=queue(1)))

    assert changes == (
        ResourceChange(
            "change", "Jobs", "AWS::SQS::Queue", (PropertyChange("VisibilityTimeout", "30", "60"),)
        ),
        ResourceChange("add", "New", "AWS::SQS::Queue"),
        ResourceChange("remove", "Old", "AWS::SQS::Queue"),
    )


def test_another_type_under_the_same_name_is_a_replacement() -> None:
    changes = template_changes(
        template(Thing=queue(1)), template(Thing={"Type": "AWS::SNS::Topic", "Properties": {}})
    )

    assert [(change.action, change.logical_id) for change in changes] == [("replace", "Thing")]


def test_a_change_outside_of_resources_names_its_section() -> None:
    changes = template_changes('{"Resources": {}, "Outputs": {"A": {"Value": "1"}}}', '{"Resources": {}}')

    assert changes == (
        ResourceChange(
            "change", "Outputs", "template section", (PropertyChange("", '{"A": {"Value": "1"}}', None),)
        ),
    )
