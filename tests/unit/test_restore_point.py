"""A copy of the data before it is taken away: of which instances, under which name, and where rollback finds it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.config import Config, load
from infra.errors import EstaleiroError
from infra.migrations.judgement import Verdict
from infra.migrations.restore_point import instances, since, snapshot_id, take
from infra.migrations.rules import Finding
from tests import aws_account
from tests.aws_account import REGION, Clock
from tests.builders import project_files, write_tree

RELEASE = "20260102T030405Z-ab12"
RECORDS = [
    {"release": "1", "verdict": "good", "migrations": {"a": ["0001"], "b": ["0001"]}},
    {
        "release": "2",
        "verdict": "good",
        "migrations": {"a": ["0002"], "c": []},
        "restore_points": ["x-before-2"],
    },
    {"release": "3", "verdict": "failed", "migrations": {"a": ["0003"]}, "restore_points": ["x-before-3"]},
]


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        aws_account.client("rds", region_name=REGION).create_db_instance(
            DBInstanceIdentifier="yard", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="master", ManageMasterUserPassword=True,
        )  # fmt: skip
        yield connect(REGION, environ={})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_tree(tmp_path, project_files()), "local")


def verdict(*services: str) -> Verdict:
    findings = [Finding(service, "0007", "file", "ban-drop-table", "It drops.") for service in services]
    return Verdict((), tuple(findings))


def test_services_that_share_an_instance_share_a_copy(config: Config) -> None:
    outputs = {"database": {"InstanceId": "shared"}, "c-database": {"InstanceId": "own"}}

    assert instances(config, outputs, verdict("a", "b", "c")) == ("shared", "own")
    assert instances(config, outputs, verdict()) == ()


def test_no_instance_is_an_error(config: Config) -> None:
    with pytest.raises(EstaleiroError, match="local has no database of a to take a restore point of"):
        instances(config, {}, verdict("a"))


def test_a_copy_is_taken_once_and_named_after_the_release(aws: Aws) -> None:
    clock = Clock()

    first = take(aws, "yard", RELEASE, {"yard:environment": "staging"}, clock=clock, sleep=clock.sleep)
    second = take(aws, "yard", RELEASE, {}, clock=clock, sleep=clock.sleep)

    assert first == second == snapshot_id("yard", RELEASE) == "yard-before-20260102t030405z-ab12"
    assert [one.id for one in aws.rds.snapshots("yard")] == [first]


def test_without_its_instance_there_is_no_copy_and_no_going_on(aws: Aws) -> None:
    clock = Clock()

    with pytest.raises(EstaleiroError, match="no restore point of absent can be taken"):
        take(aws, "absent", RELEASE, {}, clock=clock, sleep=clock.sleep)


def test_what_a_release_can_come_back_from_are_the_copies_taken_after_it() -> None:
    assert since(RECORDS, "1") == ("x-before-2", "x-before-3")
    assert since(RECORDS, "3") == ()
