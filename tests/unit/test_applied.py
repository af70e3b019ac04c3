"""Where the databases are: read from the last words of a migration, kept in the state bucket."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import connect
from infra.migrations.applied import Applied, reached
from tests import aws_account
from tests.aws_account import REGION


@pytest.fixture
def applied() -> Iterator[Applied]:
    with mock_aws():
        region = {"LocationConstraint": REGION}
        aws_account.client("s3", region_name=REGION).create_bucket(
            Bucket="state", CreateBucketConfiguration=region
        )
        yield Applied(connect(REGION, environ={}).s3.bucket("state"), "staging")


def test_what_is_noted_is_read_again_service_by_service(applied: Applied) -> None:
    before = applied.heads()
    applied.note("movies", "0001")
    applied.note("tokens", "0004")
    applied.note("movies", "0002")

    assert (before, applied.heads()) == ({}, {"movies": "0002", "tokens": "0004"})


@pytest.mark.parametrize(
    ("line", "revision"),
    [
        ("shop: the schema is at 0003", "0003"),
        ("shop: nothing to do, the schema is at 0003", "0003"),
        ("shop: nothing to do, the schema is at 0009, which is newer than this code", "0009"),
        (
            "shop: revision 0002 (goods) failed: no; the schema is at 0001, mend the revision and migrate again",
            "0001",
        ),
        ("shop: the schema is at its beginning", None),
        ("shop: 1 to apply: 0003", None),
    ],
)
def test_the_last_words_of_a_migration_say_where_it_came_to(line: str, revision: str | None) -> None:
    assert reached(["the driver says something", line, "and the engine"]) == revision


def test_a_migration_that_nobody_heard_came_nowhere() -> None:
    assert reached([]) is None
