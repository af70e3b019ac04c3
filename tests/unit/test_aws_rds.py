"""Database instances and their snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.rds import DatabaseInstance
from infra.errors import AwsError, NotFound
from tests import aws_account
from tests.aws_account import REGION, Clock, Script


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        aws_account.client("rds", region_name=REGION).create_db_instance(
            DBInstanceIdentifier="yard",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            EngineVersion="17.2",
            AllocatedStorage=20,
            MasterUsername="master",
            ManageMasterUserPassword=True,
            DeletionProtection=True,
        )
        yield connect(REGION, environ={})


def test_an_instance_shows_where_it_is_and_what_guards_it(aws: Aws) -> None:
    found = aws.rds.instance("yard")

    assert found is not None
    assert found == DatabaseInstance(
        id="yard",
        arn="arn:aws:rds:eu-west-1:123456789012:db:yard",
        status="available",
        engine_version="17.2",
        instance_class="db.t4g.micro",
        storage=20,
        address=found.address,
        port=5432,
        protected=True,
        master_secret=found.master_secret,
    )
    assert found.address
    assert ":secret:" in str(found.master_secret)


def test_an_instance_that_is_not_there_is_none(aws: Aws) -> None:
    assert aws.rds.instance("absent") is None


def test_protection_is_taken_away(aws: Aws) -> None:
    aws.rds.clear_protection("yard")

    found = aws.rds.instance("yard")
    assert found is not None
    assert not found.protected


def test_stopping_and_starting_may_be_repeated(aws: Aws) -> None:
    aws.rds.stop("yard")
    aws.rds.stop("yard")
    stopped = aws.rds.instance("yard")
    aws.rds.start("yard")
    aws.rds.start("yard")
    started = aws.rds.instance("yard")

    assert stopped is not None
    assert started is not None
    assert (stopped.status, started.status) == ("stopped", "available")


def test_an_instance_in_no_state_to_stop_is_an_error() -> None:
    instance = {"DBInstanceIdentifier": "yard", "DBInstanceStatus": "backing-up"}
    script = (
        Script("rds")
        .refuses("stop_db_instance", "InvalidDBInstanceState", "Instance yard is not in available state.")
        .answers("describe_db_instances", {"DBInstances": [instance]})
    )

    with script.account() as aws, pytest.raises(AwsError, match="Instance yard is not in available state"):
        aws.rds.stop("yard")


def test_a_snapshot_is_taken_waited_for_listed_and_deleted(aws: Aws) -> None:
    clock = Clock()

    aws.rds.create_snapshot("yard", "yard-before", {"yard:environment": "staging"})
    taken = aws.rds.wait_snapshot("yard-before", deadline_seconds=60, clock=clock, sleep=clock.sleep)
    listed = aws.rds.snapshots("yard")
    aws.rds.delete_snapshot("yard-before")
    aws.rds.delete_snapshot("yard-before")

    assert (taken.id, taken.instance, taken.status, taken.storage) == ("yard-before", "yard", "available", 20)
    assert listed == (taken,)
    assert aws.rds.snapshots("yard") == ()


def test_a_snapshot_is_waited_for_until_it_can_be_restored() -> None:
    script = Script("rds")
    script.answers("describe_db_snapshots", snapshots("creating"))
    script.refuses("describe_db_snapshots", "Throttling", "Rate exceeded")
    script.answers("describe_db_snapshots", snapshots("available"))
    clock = Clock()

    with script.account() as aws:
        taken = aws.rds.wait_snapshot("before", deadline_seconds=60, clock=clock, sleep=clock.sleep)

    assert taken.status == "available"


@pytest.mark.parametrize(
    ("answer", "kind", "problem"),
    [
        ("failed", AwsError, "snapshot before failed"),
        ("creating", AwsError, "was not ready after 0 s"),
        (None, NotFound, "is not there any more"),
    ],
)
def test_a_snapshot_that_does_not_come_is_an_error(answer: str | None, kind: type, problem: str) -> None:
    script = Script("rds")
    if answer is None:
        script.refuses(
            "describe_db_snapshots", "DBSnapshotNotFound", "DBSnapshot not found: before", status=404
        )
    else:
        script.answers("describe_db_snapshots", snapshots(answer))
    clock = Clock()

    with script.account() as aws, pytest.raises(kind, match=problem):
        aws.rds.wait_snapshot("before", deadline_seconds=0, clock=clock, sleep=clock.sleep)


def snapshots(status: str) -> dict[str, Any]:
    return {
        "DBSnapshots": [{"DBSnapshotIdentifier": "before", "DBInstanceIdentifier": "yard", "Status": status}]
    }
