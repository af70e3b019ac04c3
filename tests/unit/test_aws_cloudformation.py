"""Stacks: change sets, events, and waits that end with the true reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.cloudformation import (
    ROLLED_BACK,
    Change,
    ChangeSet,
    Event,
    PropertyChange,
    StackFailed,
    StackResource,
    StackState,
    in_progress,
    is_failed,
    is_terminal,
)
from infra.errors import AwsError, NotFound
from tests import aws_account
from tests.aws_account import REGION, Clock, Script

STACK = "yard-staging-network"
ARN = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{STACK}/1"
SET = f"arn:aws:cloudformation:eu-west-1:123456789012:changeSet/{STACK}/1"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEMPLATE = json.dumps(
    {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}},
        "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}},
    }
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ={})


def test_a_stack_is_made_through_a_change_set_and_read_back(aws: Aws) -> None:
    events: list[Event] = []
    clock = Clock()
    change_set = aws.cloudformation.create_change_set(
        STACK, template=TEMPLATE, parameters={"Name": "jobs"}, tags={"yard:part": "network"}, kind="CREATE"
    )

    aws.cloudformation.execute_change_set(change_set)
    state = aws.cloudformation.wait(
        STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep, on_event=events.append
    )

    assert change_set.changes == (Change("Add", "Queue", "", "AWS::SQS::Queue"),)
    assert (state.name, state.status, state.parameters) == (STACK, "CREATE_COMPLETE", {"Name": "jobs"})
    assert state.tags == {"yard:part": "network"}
    assert aws.cloudformation.stacks("yard-staging-") == {STACK: aws.cloudformation.stack(STACK)}
    assert events[-1].status == "CREATE_COMPLETE"


def test_stacks_are_found_by_beginning_and_by_name(aws: Aws) -> None:
    for name in ("yard-staging-network", "yard-staging-edge", "other"):
        made(name)

    assert sorted(aws.cloudformation.stacks("yard-staging-")) == ["yard-staging-edge", "yard-staging-network"]
    assert list(aws.cloudformation.stacks("yard-", names={"yard-staging-edge"})) == ["yard-staging-edge"]


def test_a_stack_that_is_not_there_is_none(aws: Aws) -> None:
    assert aws.cloudformation.stack("absent") is None


def test_a_deleted_stack_is_none_and_waiting_for_it_is_done(aws: Aws) -> None:
    made(STACK)
    clock = Clock()

    aws.cloudformation.delete_stack(STACK)
    state = aws.cloudformation.wait(STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep)

    assert (state.status, aws.cloudformation.stack(STACK)) == ("DELETE_COMPLETE", None)


def test_the_template_comes_back_to_the_byte(aws: Aws) -> None:
    template = '{"Resources":  {"B": {"Type": "AWS::SQS::Queue"},\n "A": {"Type": "AWS::SQS::Queue"}}}'
    made(STACK, template)

    assert aws.cloudformation.template(STACK) == template


def test_the_template_of_no_stack_is_not_found(aws: Aws) -> None:
    with pytest.raises(NotFound):
        aws.cloudformation.template("absent")


def test_resources_are_listed_with_their_physical_ids(aws: Aws) -> None:
    made(STACK)

    (queue,) = aws.cloudformation.resources(STACK)

    assert queue == StackResource("Queue", queue.physical_id, "AWS::SQS::Queue", "CREATE_COMPLETE")
    assert queue.physical_id.endswith("/jobs")


def test_a_large_template_goes_through_the_bucket(aws: Aws) -> None:
    s3 = aws_account.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": REGION})
    large = json.dumps(json.loads(TEMPLATE) | {"Metadata": {"Notes": "x" * 52_000}})

    change_set = aws.cloudformation.create_change_set(
        STACK, template=large, parameters={"Name": "jobs"}, tags={}, kind="CREATE", bucket="state"
    )

    assert [change.logical_id for change in change_set.changes] == ["Queue"]
    assert len(aws.s3.bucket("state").keys("templates/")) == 1


@pytest.mark.parametrize(
    ("size", "bucket", "problem"),
    [(60_000, None, "needs the state bucket"), (1_100_000, "state", "is over CloudFormation's 1048576")],
)
def test_a_template_that_fits_nowhere_is_refused(
    aws: Aws, size: int, bucket: str | None, problem: str
) -> None:
    with pytest.raises(AwsError, match=problem):
        aws.cloudformation.create_change_set(
            STACK, template="x" * size, parameters={}, tags={}, kind="CREATE", bucket=bucket
        )


def test_a_change_set_tells_what_would_be_replaced_property_by_property() -> None:
    script = changes(Script("cloudformation"))

    with script.account() as aws:
        change_set = update(aws)

    assert change_set == ChangeSet(
        id=SET,
        name=change_set.name,
        stack=STACK,
        status="CREATE_COMPLETE",
        changes=(
            Change("Remove", "Alarm", "yard-alarm", "AWS::CloudWatch::Alarm"),
            Change(
                action="Modify",
                logical_id="Database",
                physical_id="db-1",
                type="AWS::RDS::DBInstance",
                replacement="True",
                properties=(
                    PropertyChange("/Properties/StorageEncrypted", "false", "true", "Always"),
                    PropertyChange("/Properties/Tags", None, None, "Never"),
                ),
                scope=("Properties", "Tags"),
            ),
        ),
    )


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_empty_and_gone(reason: str) -> None:
    script = (
        Script("cloudformation")
        .answers("create_change_set", {"Id": SET})
        .answers("describe_change_set", {"Status": "CREATE_IN_PROGRESS"})
        .answers("describe_change_set", {"Status": "FAILED", "StatusReason": reason})
        .answers("delete_change_set", {}, asked={"StackName": STACK, "ChangeSetName": SET})
        .answers("describe_stacks", stacks("UPDATE_COMPLETE"))
    )

    with script.account() as aws:
        change_set = update(aws)

    assert change_set == ChangeSet(SET, change_set.name, STACK, "FAILED", empty=True)


def test_a_change_that_cannot_be_made_says_why_and_leaves_no_stack_in_review() -> None:
    script = (
        Script("cloudformation")
        .answers("create_change_set", {"Id": SET})
        .answers("describe_change_set", {"Status": "FAILED", "StatusReason": "Template error: no Ref X."})
        .answers("describe_events", {"OperationEvents": []})
        .answers("delete_change_set", {})
        .answers("describe_stacks", stacks("REVIEW_IN_PROGRESS"))
        .answers("delete_stack", {}, asked={"StackName": STACK})
    )

    with script.account() as aws, pytest.raises(AwsError) as raised:
        update(aws, kind="CREATE")

    assert str(raised.value) == f"stack {STACK}: CloudFormation refuses the change: Template error: no Ref X"


def test_what_the_validation_found_is_said_rather_than_where_to_look() -> None:
    failure = {
        "EventId": "1",
        "StackId": ARN,
        "LogicalResourceId": "State",
        "ValidationPath": "/Resources/State",
        "ValidationStatus": "FAILED",
        "ValidationStatusReason": "Bucket 'x' already exists",
    }
    warning = failure | {"ValidationFailureMode": "WARN", "ValidationStatusReason": "only a warning"}
    script = (
        Script("cloudformation")
        .answers("create_change_set", {"Id": SET})
        .answers(
            "describe_change_set", {"Status": "FAILED", "StatusReason": "The following hook(s) failed: [..]"}
        )
        .answers(
            "describe_events",
            {"OperationEvents": [failure, warning]},
            asked={"ChangeSetName": SET, "Filters": {"FailedEvents": True}},
        )
        .answers("delete_change_set", {})
        .answers("describe_stacks", stacks("UPDATE_COMPLETE"))
    )

    with (
        script.account() as aws,
        pytest.raises(AwsError, match=r"State /Resources/State: Bucket 'x' already exists$"),
    ):
        update(aws)


def test_events_come_oldest_first_and_only_the_new_ones() -> None:
    history = [
        event("3", "Queue", "CREATE_COMPLETE"),
        event("2", "Queue", "CREATE_IN_PROGRESS"),
        started("1"),
    ]
    script = (
        Script("cloudformation")
        .answers("describe_stack_events", {"StackEvents": history})
        .answers("describe_stack_events", {"StackEvents": history[:1], "NextToken": "more"})
        .answers("describe_stack_events", {"StackEvents": history[1:]})
    )

    with script.account() as aws:
        newer = aws.cloudformation.events(STACK, "1")
        everything = aws.cloudformation.events(STACK)

    assert [found.id for found in newer] == ["2", "3"]
    assert [found.id for found in everything] == ["1", "2", "3"]


def test_a_failed_update_names_the_first_failure_and_tells_each_event_once() -> None:
    old = [event("0", "Queue", "UPDATE_FAILED", "an old story")]
    first = [event("2", "Service", "UPDATE_IN_PROGRESS"), started("1", "UPDATE_IN_PROGRESS"), *old]
    last = [
        ended("6", "UPDATE_ROLLBACK_COMPLETE"),
        ended("5", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Service]."),
        event("4", "Service", "UPDATE_FAILED", "ECS Deployment Circuit Breaker was triggered."),
        event("3", "Rule", "UPDATE_FAILED", "Resource update cancelled"),
        *first,
    ]
    script = executed(old)
    watched(script, "UPDATE_IN_PROGRESS", first)
    watched(script, "UPDATE_ROLLBACK_COMPLETE", last)
    told: list[str] = []
    clock = Clock()

    with script.account() as aws, pytest.raises(StackFailed) as raised:
        aws.cloudformation.execute_change_set(CHANGE_SET)
        aws.cloudformation.wait(
            STACK,
            deadline_seconds=60,
            clock=clock,
            sleep=clock.sleep,
            on_event=lambda one: told.append(one.id),
        )

    assert told == ["1", "2", "3", "4", "5", "6"]
    assert raised.value.code == "UPDATE_ROLLBACK_COMPLETE"
    assert str(raised.value) == (
        f"stack {STACK} failed at Service (AWS::SQS::Queue): ECS Deployment Circuit Breaker was triggered; "
        "the stack is UPDATE_ROLLBACK_COMPLETE"
    )


def test_the_status_from_before_an_update_is_not_taken_for_its_end() -> None:
    old = [ended("0", "UPDATE_COMPLETE")]
    script = executed(old)
    watched(script, "UPDATE_COMPLETE", old)
    watched(
        script, "UPDATE_COMPLETE", [ended("2", "UPDATE_COMPLETE"), started("1", "UPDATE_IN_PROGRESS"), *old]
    )
    told: list[str] = []
    clock = Clock()

    with script.account() as aws:
        aws.cloudformation.execute_change_set(CHANGE_SET)
        state = aws.cloudformation.wait(
            STACK,
            deadline_seconds=60,
            clock=clock,
            sleep=clock.sleep,
            on_event=lambda one: told.append(one.id),
        )

    assert (state.status, told) == ("UPDATE_COMPLETE", ["1", "2"])


def test_somebody_elses_operation_is_watched_from_its_own_beginning() -> None:
    history = [
        event("4", "Queue", "UPDATE_COMPLETE"),
        ended("5", "UPDATE_COMPLETE"),
        started("3", "UPDATE_IN_PROGRESS"),
        event("2", "Queue", "CREATE_FAILED", "an old story"),
        started("1"),
    ]
    script = watched(Script("cloudformation"), "UPDATE_COMPLETE", history)
    told: list[str] = []
    clock = Clock()

    with script.account() as aws:
        aws.cloudformation.wait(
            STACK,
            deadline_seconds=60,
            clock=clock,
            sleep=clock.sleep,
            on_event=lambda one: told.append(one.id),
        )

    assert told == ["3", "5", "4"]


def test_a_rollback_that_was_asked_for_is_a_success() -> None:
    script = (
        Script("cloudformation")
        .answers("describe_stack_events", {"StackEvents": [started("1", "UPDATE_IN_PROGRESS")]})
        .answers("cancel_update_stack", {}, asked={"StackName": STACK})
    )
    watched(
        script,
        "UPDATE_ROLLBACK_COMPLETE",
        [ended("2", "UPDATE_ROLLBACK_COMPLETE"), started("1", "UPDATE_IN_PROGRESS")],
    )
    clock = Clock()

    with script.account() as aws:
        aws.cloudformation.cancel_update(STACK)
        state = aws.cloudformation.wait(
            STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep, good=ROLLED_BACK
        )

    assert state.status == "UPDATE_ROLLBACK_COMPLETE"


def test_throttling_does_not_end_a_wait() -> None:
    script = Script("cloudformation").refuses("describe_stacks", "Throttling", "Rate exceeded")
    watched(script, "CREATE_COMPLETE", [ended("2", "CREATE_COMPLETE"), started("1")])
    clock = Clock()

    with script.account() as aws:
        state = aws.cloudformation.wait(STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep)

    assert state.status == "CREATE_COMPLETE"


def test_a_wait_ends_at_its_deadline() -> None:
    script = Script("cloudformation")
    for _ in range(3):
        watched(script, "CREATE_IN_PROGRESS", [started("1")])
    clock = Clock()

    with script.account() as aws, pytest.raises(AwsError) as raised:
        aws.cloudformation.wait(STACK, deadline_seconds=0.4, clock=clock, sleep=clock.sleep)

    assert (raised.value.code, clock.now) == ("TimedOut", pytest.approx(0.4))
    assert str(raised.value).startswith(f"stack {STACK} is still CREATE_IN_PROGRESS after 0 s")


def test_a_stack_that_vanishes_while_it_is_made_is_a_failure() -> None:
    script = watched(Script("cloudformation"), "CREATE_IN_PROGRESS", [started("1")])
    script.answers("describe_stacks", stacks("DELETE_COMPLETE"))
    script.answers("describe_stack_events", {"StackEvents": [started("1")]})
    clock = Clock()

    with script.account() as aws, pytest.raises(StackFailed, match="the stack is DELETE_COMPLETE"):
        aws.cloudformation.wait(STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep)


def test_a_delete_that_fails_names_what_holds_on() -> None:
    script = (
        Script("cloudformation")
        .answers("describe_stack_events", {"StackEvents": [ended("0", "CREATE_COMPLETE")]})
        .answers("delete_stack", {}, asked={"StackName": STACK, "RetainResources": ["Vpc"]})
    )
    watched(
        script,
        "DELETE_FAILED",
        [
            ended("3", "DELETE_FAILED", "The following resource(s) failed to delete: [Group]."),
            event("2", "Group", "DELETE_FAILED", "resource sg-1 has a dependent object"),
            started("1", "DELETE_IN_PROGRESS"),
            ended("0", "CREATE_COMPLETE"),
        ],
    )
    clock = Clock()

    with script.account() as aws, pytest.raises(StackFailed) as raised:
        aws.cloudformation.delete_stack(STACK, ["Vpc"])
        aws.cloudformation.wait(STACK, deadline_seconds=60, clock=clock, sleep=clock.sleep)

    assert raised.value.event == Event(
        "2", NOON, "Group", "", "AWS::SQS::Queue", "DELETE_FAILED", "resource sg-1 has a dependent object"
    )


def test_stuck_stacks_get_the_calls_that_free_them() -> None:
    history = {"StackEvents": [ended("0", "UPDATE_ROLLBACK_FAILED")]}
    script = (
        Script("cloudformation")
        .answers("describe_stack_events", history)
        .answers("continue_update_rollback", {}, asked={"StackName": STACK, "ResourcesToSkip": ["Queue"]})
        .answers("describe_stack_events", history)
        .answers("rollback_stack", {}, asked={"StackName": STACK})
        .answers(
            "update_termination_protection",
            {},
            asked={"StackName": STACK, "EnableTerminationProtection": False},
        )
    )

    with script.account() as aws:
        aws.cloudformation.continue_rollback(STACK, ["Queue"])
        aws.cloudformation.rollback_stack(STACK)
        aws.cloudformation.set_protection(STACK, False)


def test_a_template_that_cannot_be_read_is_refused_with_the_reason() -> None:
    script = Script("cloudformation").refuses(
        "validate_template", "ValidationError", "Template format error: no JSON"
    )

    with script.account() as aws, pytest.raises(AwsError, match="Template format error: no JSON"):
        aws.cloudformation.validate("{")


@pytest.mark.parametrize(
    ("status", "at_work", "ended", "failed"),
    [
        ("CREATE_IN_PROGRESS", True, False, False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True, False, False),
        ("REVIEW_IN_PROGRESS", False, False, False),
        ("CREATE_COMPLETE", False, True, False),
        ("ROLLBACK_COMPLETE", False, True, True),
        ("UPDATE_ROLLBACK_COMPLETE", False, True, True),
        ("UPDATE_ROLLBACK_FAILED", False, True, True),
        ("DELETE_FAILED", False, True, True),
    ],
)
def test_a_status_is_read_the_same_everywhere(status: str, at_work: bool, ended: bool, failed: bool) -> None:
    assert (in_progress(status), is_terminal(status), is_failed(status)) == (at_work, ended, failed)


def test_a_state_holds_everything_that_plans_compare() -> None:
    answer = stacks("UPDATE_COMPLETE")
    answer["Stacks"][0] |= {
        "Parameters": [{"ParameterKey": "Image", "ParameterValue": "/ami", "ResolvedValue": "ami-1"}],
        "Outputs": [{"OutputKey": "VpcId", "OutputValue": "vpc-1"}],
        "Tags": [{"Key": "yard:part", "Value": "network"}],
        "EnableTerminationProtection": True,
        "StackStatusReason": "User Initiated",
    }
    script = Script("cloudformation").answers("describe_stacks", answer)

    with script.account() as aws:
        state = aws.cloudformation.stack(STACK)

    assert state == StackState(
        name=STACK,
        status="UPDATE_COMPLETE",
        status_reason="User Initiated",
        parameters={"Image": "/ami"},
        outputs={"VpcId": "vpc-1"},
        tags={"yard:part": "network"},
        id=ARN,
        protected=True,
        updated=NOON,
        created=NOON,
    )


CHANGE_SET = ChangeSet(SET, "deploy-1", STACK, "CREATE_COMPLETE")


def made(name: str, template: str = TEMPLATE) -> None:
    parameters = [{"ParameterKey": "Name", "ParameterValue": "jobs"}] if template is TEMPLATE else []
    aws_account.client("cloudformation", region_name=REGION).create_stack(
        StackName=name, TemplateBody=template, Parameters=parameters
    )


def update(aws: Aws, *, kind: Any = "UPDATE") -> ChangeSet:
    return aws.cloudformation.create_change_set(
        STACK, template="{}", parameters={}, tags={}, kind=kind, sleep=lambda seconds: None
    )


def executed(history: list[dict[str, Any]]) -> Script:
    script = Script("cloudformation").answers("describe_stack_events", {"StackEvents": history})
    asked = {"StackName": STACK, "ChangeSetName": SET, "DisableRollback": False}
    return script.answers("execute_change_set", {}, asked=asked)


def watched(script: Script, status: str, history: list[dict[str, Any]]) -> Script:
    return script.answers("describe_stacks", stacks(status)).answers(
        "describe_stack_events", {"StackEvents": history}
    )


def stacks(status: str) -> dict[str, Any]:
    return {"Stacks": [{"StackName": STACK, "StackId": ARN, "StackStatus": status, "CreationTime": NOON}]}


def event(id: str, logical: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": ARN,
        "StackName": STACK,
        "EventId": id,
        "Timestamp": NOON,
        "LogicalResourceId": logical,
        "PhysicalResourceId": "",
        "ResourceType": "AWS::SQS::Queue",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def ended(id: str, status: str, reason: str = "") -> dict[str, Any]:
    own = {"PhysicalResourceId": ARN, "ResourceType": "AWS::CloudFormation::Stack"}
    return event(id, STACK, status, reason) | own


def started(id: str, status: str = "CREATE_IN_PROGRESS") -> dict[str, Any]:
    return ended(id, status, "User Initiated")


def changes(script: Script) -> Script:
    database = {
        "Action": "Modify",
        "LogicalResourceId": "Database",
        "PhysicalResourceId": "db-1",
        "ResourceType": "AWS::RDS::DBInstance",
        "Replacement": "True",
        "Scope": ["Properties", "Tags"],
        "Details": [
            detail(
                "Static",
                "Always",
                Path="/Properties/StorageEncrypted",
                BeforeValue="false",
                AfterValue="true",
            ),
            detail("Dynamic", "Conditionally", Path="/Properties/StorageEncrypted"),
            detail("Static", "Never", Path="/Properties/Tags"),
        ],
    }
    alarm = {
        "Action": "Remove",
        "LogicalResourceId": "Alarm",
        "PhysicalResourceId": "yard-alarm",
        "ResourceType": "AWS::CloudWatch::Alarm",
    }
    found = [{"Type": "Resource", "ResourceChange": one} for one in (database, alarm)]
    script.answers("create_change_set", {"Id": SET})
    script.answers(
        "describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": found[:1], "NextToken": "more"}
    )
    return script.answers("describe_change_set", {"Status": "CREATE_COMPLETE", "Changes": found[1:]})


def detail(evaluation: str, recreation: str, **target: str) -> dict[str, Any]:
    return {
        "Target": {"Attribute": "Properties", "RequiresRecreation": recreation, **target},
        "Evaluation": evaluation,
    }
