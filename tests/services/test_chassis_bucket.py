"""A service's bucket: what it signs, and what it makes of what S3 says."""

import asyncio
import base64
import json
import urllib.parse

import cloud
import pytest

from chassis.bucket import Bucket, BucketUnavailable, Stored


@pytest.fixture(autouse=True)
def pictures():
    cloud.url()
    place = {"LocationConstraint": cloud.REGION}
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="pictures", CreateBucketConfiguration=place)
    yield
    for one in s3.list_objects_v2(Bucket="pictures").get("Contents", []):
        s3.delete_object(Bucket="pictures", Key=one["Key"])
    s3.delete_bucket(Bucket="pictures")


def run(scenario, **place):
    """Run a coroutine function with the bucket, open, in a loop of its own; without a place it is AWS's own."""

    async def inside():
        bucket = Bucket(place.pop("name", "pictures"), region=cloud.REGION, **place)
        await bucket.open()
        try:
            return await scenario(bucket)
        finally:
            await bucket.close()

    return asyncio.run(inside())


def put(key, body, kind="image/png"):
    cloud.client("s3").put_object(Bucket="pictures", Key=key, Body=body, ContentType=kind)


def test_a_form_names_its_conditions_and_the_buckets_own_host():
    form = run(lambda bucket: bucket.form("uploads/1/a", content_type="image/png", most=1000, seconds=60))

    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert urllib.parse.urlsplit(form.url).hostname == "pictures.s3.eu-west-1.amazonaws.com"
    assert form.fields["key"] == "uploads/1/a"
    assert form.fields["Content-Type"] == "image/png"
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert ["content-length-range", 1, 1000] in policy["conditions"]
    assert {"key": "uploads/1/a"} in policy["conditions"]


def test_an_address_is_signed_for_where_people_stand():
    def address(bucket):
        return bucket.address("posters/1/a", seconds=60)

    inside = run(address)
    outside = run(address, endpoint="http://10.0.0.1:4566", public_endpoint="http://127.0.0.1:4566")

    assert inside.startswith("https://pictures.s3.eu-west-1.amazonaws.com/posters/1/a?")
    assert outside.startswith("http://127.0.0.1:4566/pictures/posters/1/a?")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(outside).query)
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["60"], ["host"])


def test_what_is_stored_is_told_with_its_first_bytes():
    put("uploads/1/a", b"0123456789abcdefghij")

    async def look(bucket):
        return await bucket.look("uploads/1/a"), await bucket.look("uploads/1/b")

    found, missing = run(look, endpoint=cloud.url())

    assert found == Stored(20, "image/png", found.etag, b"0123456789abcdef")
    assert missing is None


def test_a_copy_is_asked_for_as_it_was_looked_at_and_a_removal_may_come_twice():
    put("uploads/1/a", b"first")
    sent = []

    async def scenario(bucket):
        seen = await bucket.look("uploads/1/a")
        s3 = await bucket._inside.open()
        s3.meta.events.register("before-call.s3.CopyObject", lambda params, **_: sent.append(params))
        copied = await bucket.copy("uploads/1/a", "posters/1/a", etag=seen.etag)
        missing = await bucket.copy("uploads/1/b", "posters/1/b", etag=seen.etag)
        for _ in range(2):
            await bucket.remove("posters/1/a")
        return seen.etag, copied, missing, await bucket.look("posters/1/a")

    etag, copied, missing, left = run(scenario, endpoint=cloud.url())

    # S3 refuses the copy of anything else by this header; moto, unlike the local cloud, does not look at it.
    assert sent[0]["headers"]["x-amz-copy-source-if-match"] == etag
    assert (copied, missing, left) == (True, False, None)


def test_a_bucket_that_refuses_or_does_not_answer_is_unavailable():
    for place, reason in (
        ({"name": "nowhere", "endpoint": cloud.url()}, "refused"),
        ({"endpoint": "http://127.0.0.1:9"}, "cannot be reached"),
    ):
        with pytest.raises(BucketUnavailable, match=reason):
            run(lambda bucket: bucket.look("uploads/1/a"), **place)


def test_the_loop_goes_on_while_s3_is_waited_for():
    put("uploads/1/a", b"first")
    turns = 0

    async def tick():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    async def scenario(bucket):
        ticking = asyncio.create_task(tick())
        await asyncio.gather(*(bucket.look("uploads/1/a") for _ in range(20)))
        ticking.cancel()

    run(scenario, endpoint=cloud.url())

    assert turns > 5  # a call that blocks leaves it one for all
