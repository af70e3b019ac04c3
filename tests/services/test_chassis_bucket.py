"""A service's bucket: what it signs, and what it makes of what S3 says."""

import asyncio
import base64
import json
import urllib.parse

import boto3
import pytest
from moto import mock_aws

from chassis.bucket import Bucket, BucketUnavailable, Stored


@pytest.fixture
def bucket(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        place = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3", region_name="eu-west-1").create_bucket(
            Bucket="pictures", CreateBucketConfiguration=place
        )
        yield Bucket("pictures", region="eu-west-1")


def put(key, body, kind="image/png"):
    boto3.client("s3", region_name="eu-west-1").put_object(
        Bucket="pictures", Key=key, Body=body, ContentType=kind
    )


def test_a_form_names_its_conditions_and_the_buckets_own_host(bucket):
    form = asyncio.run(bucket.form("uploads/1/a", content_type="image/png", most=1000, seconds=60))

    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert urllib.parse.urlsplit(form.url).hostname == "pictures.s3.eu-west-1.amazonaws.com"
    assert form.fields["key"] == "uploads/1/a"
    assert form.fields["Content-Type"] == "image/png"
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert ["content-length-range", 1, 1000] in policy["conditions"]
    assert {"key": "uploads/1/a"} in policy["conditions"]


def test_an_address_is_signed_for_where_people_stand(bucket):
    local = Bucket(
        "pictures",
        region="eu-west-1",
        endpoint="http://10.0.0.1:4566",
        public_endpoint="http://127.0.0.1:4566",
    )

    inside, outside = (asyncio.run(one.address("posters/1/a", seconds=60)) for one in (bucket, local))

    assert inside.startswith("https://pictures.s3.eu-west-1.amazonaws.com/posters/1/a?")
    assert outside.startswith("http://127.0.0.1:4566/pictures/posters/1/a?")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(outside).query)
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["60"], ["host"])


def test_what_is_stored_is_told_with_its_first_bytes(bucket):
    put("uploads/1/a", b"0123456789abcdefghij")

    found = asyncio.run(bucket.look("uploads/1/a"))

    assert found == Stored(20, "image/png", found.etag, b"0123456789abcdef")
    assert asyncio.run(bucket.look("uploads/1/b")) is None


def test_a_copy_is_asked_for_as_it_was_looked_at_and_a_removal_may_come_twice(bucket):
    put("uploads/1/a", b"first")
    seen = asyncio.run(bucket.look("uploads/1/a"))
    sent = []
    events = bucket._inside.meta.events
    events.register("before-call.s3.CopyObject", lambda params, **_: sent.append(params["headers"]))

    copied = asyncio.run(bucket.copy("uploads/1/a", "posters/1/a", etag=seen.etag))
    missing = asyncio.run(bucket.copy("uploads/1/b", "posters/1/b", etag=seen.etag))
    for _ in range(2):
        asyncio.run(bucket.remove("posters/1/a"))

    # S3 refuses the copy of anything else by this header; moto, unlike the local cloud, does not look at it.
    assert sent[0]["x-amz-copy-source-if-match"] == seen.etag
    assert (copied, missing) == (True, False)
    assert asyncio.run(bucket.look("posters/1/a")) is None


def test_a_bucket_that_refuses_or_does_not_answer_is_unavailable(bucket):
    put("uploads/1/a", b"first")
    lost = Bucket("nowhere", region="eu-west-1")
    silent = Bucket("pictures", region="eu-west-1", endpoint="http://127.0.0.1:9")

    for one, reason in ((lost, "refused"), (silent, "cannot be reached")):
        with pytest.raises(BucketUnavailable, match=reason):
            asyncio.run(one.look("uploads/1/a"))
