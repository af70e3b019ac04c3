"""Buckets: reading, conditional writes that locks rely on, and emptying for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto import mock_aws

from infra.aws import connect
from infra.aws.s3 import Bucket
from infra.errors import AwsError, NotFound
from tests import aws_account
from tests.aws_account import REGION, Script


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with mock_aws():
        s3 = aws_account.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="state", VersioningConfiguration={"Status": "Enabled"})
        yield connect(REGION, environ={}).s3.bucket("state")


def test_what_is_put_is_what_is_got(bucket: Bucket) -> None:
    bucket.put("a/b.json", b"{}")

    found = bucket.get("a/b.json")

    assert found is not None
    assert found.body == b"{}"


def test_an_absent_object_is_none(bucket: Bucket) -> None:
    assert bucket.get("absent") is None


def test_an_absent_bucket_is_an_error_when_read(bucket: Bucket) -> None:
    absent = connect(REGION, environ={}).s3.bucket("no-such-bucket")

    assert not absent.exists()
    with pytest.raises(NotFound):
        absent.get("key")


def test_only_the_first_of_two_conditional_puts_wins(bucket: Bucket) -> None:
    first = bucket.put_if_absent("lock", b"ana")
    second = bucket.put_if_absent("lock", b"rui")

    assert (first, second) == (True, False)
    assert bucket.get("lock").body == b"ana"  # type: ignore[union-attr]


def test_one_of_many_threads_takes_the_lock(bucket: Bucket) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        taken = list(pool.map(lambda number: bucket.put_if_absent("lock", b"%d" % number), range(8)))

    winner = bucket.get("lock")
    assert taken.count(True) == 1
    assert winner is not None
    assert winner.body == b"%d" % taken.index(True)


def test_a_put_whose_answer_was_lost_still_counts_as_ours() -> None:
    script = (
        Script("s3")
        .refuses("put_object", "PreconditionFailed", status=412)
        .answers("get_object", {"Body": body(b"ana"), "ETag": '"1"'})
    )

    with script.account() as aws:
        assert aws.s3.bucket("state").put_if_absent("lock", b"ana")


def test_a_collision_of_two_writes_is_tried_again() -> None:
    script = (
        Script("s3")
        .refuses("put_object", "ConditionalRequestConflict", status=409)
        .answers("put_object", {"ETag": '"1"'})
    )

    with script.account() as aws:
        assert aws.s3.bucket("state").put_if_absent("lock", b"ana")


def test_an_object_is_replaced_only_where_it_is_the_one_that_was_read() -> None:
    lost = (
        Script("s3")
        .refuses("put_object", "PreconditionFailed", status=412)
        .answers("get_object", {"Body": body(b"rui"), "ETag": '"2"'})
    )
    won = Script("s3").answers(
        "put_object",
        {"ETag": '"2"'},
        asked={"Bucket": "state", "Key": "lock", "Body": b"ana", "IfMatch": '"1"'},
    )

    with lost.account() as aws:
        assert not aws.s3.bucket("state").put_if_match("lock", b"ana", '"1"')
    with won.account() as aws:
        assert aws.s3.bucket("state").put_if_match("lock", b"ana", '"1"')


def test_an_object_that_vanished_is_not_replaced() -> None:
    script = Script("s3").refuses("put_object", "NoSuchKey", status=404)

    with script.account() as aws:
        assert not aws.s3.bucket("state").put_if_match("lock", b"ana", '"1"')


def test_an_object_is_deleted_only_where_it_is_the_one_that_was_read() -> None:
    script = (
        Script("s3")
        .refuses("delete_object", "PreconditionFailed", status=412)
        .answers("delete_object", {}, asked={"Bucket": "state", "Key": "lock", "IfMatch": '"1"'})
    )

    with script.account() as aws:
        bucket = aws.s3.bucket("state")
        assert [bucket.delete_if_match("lock", '"0"'), bucket.delete_if_match("lock", '"1"')] == [False, True]


def test_another_accounts_bucket_is_not_used() -> None:
    script = Script("s3").refuses("head_bucket", "403", "Forbidden", status=403)

    with script.account() as aws, pytest.raises(AwsError, match="not allowed to s3:HeadBucket"):
        aws.s3.bucket("state", owner="111122223333").exists()


def test_keys_are_listed_by_their_beginning(bucket: Bucket) -> None:
    for key in ("releases/a", "releases/b", "locks/a"):
        bucket.put(key, b"")

    assert bucket.keys("releases/") == ("releases/a", "releases/b")


def test_emptying_removes_versions_markers_and_unfinished_uploads(bucket: Bucket) -> None:
    s3 = aws_account.client("s3", region_name=REGION)
    bucket.put("a", b"1")
    bucket.put("a", b"2")
    bucket.delete("a")
    s3.create_multipart_upload(Bucket="state", Key="big")

    removed = bucket.empty()

    left = s3.list_object_versions(Bucket="state")
    uploads = s3.list_multipart_uploads(Bucket="state")
    assert removed == 3
    assert ("Versions" in left, "DeleteMarkers" in left, "Uploads" in uploads) == (False, False, False)


def test_an_object_that_cannot_be_deleted_is_named() -> None:
    script = (
        Script("s3")
        .answers("list_multipart_uploads", {})
        .answers("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]})
        .answers(
            "delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied", "Message": "Access Denied"}]}
        )
    )

    with (
        script.account() as aws,
        pytest.raises(AwsError, match="could not delete a from bucket state: Access Denied"),
    ):
        aws.s3.bucket("state").empty()


def body(content: bytes) -> Any:
    from io import BytesIO

    from botocore.response import StreamingBody

    return StreamingBody(BytesIO(content), len(content))
