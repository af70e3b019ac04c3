"""The lock and the release records, on S3 as moto has it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import moto
import pytest

from infra.aws.client import Client
from infra.aws.s3 import Bucket, Object
from infra.errors import AwsError, EstaleiroError, Locked
from infra.state import Lock, Owner, Releases
from tests import aws_account
from tests.fakes import Clock

ANA = Owner("1", "ana", "laptop", 11, "deploy staging", since=1000.0)
RUI = replace(ANA, id="2", who="rui", pid=22)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with moto.mock_aws():
        client = aws_account.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Bucket("state", Client("s3", lambda name: client))


def lock(bucket: Bucket, owner: Owner, clock: Clock, **more: object) -> Lock:
    return Lock(bucket, "staging", owner, lifetime=60, clock=clock, sleep=clock.sleep, **more)  # type: ignore[arg-type]


def test_a_lock_that_is_held_says_by_whom_and_since_when(bucket: Bucket) -> None:
    clock = Clock(2000.0)

    with lock(bucket, ANA, clock).held(), pytest.raises(Locked) as caught, lock(bucket, RUI, clock).held():
        pass

    assert str(caught.value) == (
        "staging is locked: ana@laptop has been running `deploy staging` since 00:16:40 UTC; "
        "wait for it to end; `deploy --lock-wait SECONDS` does that by itself"
    )


def test_a_lock_is_free_after_the_block_even_when_it_failed(bucket: Bucket) -> None:
    clock = Clock(2000.0)

    with pytest.raises(ZeroDivisionError), lock(bucket, ANA, clock).held():
        raise ZeroDivisionError

    with lock(bucket, RUI, clock).held():
        assert lock(bucket, RUI, clock).holder() == replace(RUI, renewed=2000.0)
    assert lock(bucket, RUI, clock).holder() is None


def test_a_silent_owner_is_waited_for_and_then_loses_the_lock(bucket: Bucket) -> None:
    clock, notes = Clock(2000.0), []
    bucket.put_if_absent("locks/staging.json", lock(bucket, ANA, Clock(1900.0))._body())

    with lock(bucket, RUI, clock, note=notes.append).held():
        taken_after = clock.now - 2000.0

    assert 60 <= taken_after <= 62
    assert notes == [
        "waiting for the silent owner of the lock: ana@laptop has been running `deploy staging` since 00:16:40 UTC"
    ]


def test_an_owner_whose_clock_is_wrong_keeps_its_lock_while_it_renews(bucket: Bucket) -> None:
    far_away = Clock(500.0)
    theirs = lock(bucket, ANA, far_away)
    bucket.put_if_absent("locks/staging.json", theirs._body())
    clock = Clock(2000.0)

    def renew(now: float) -> None:
        far_away.now += 1
        if int(far_away.now) % 15 == 0:
            bucket.put("locks/staging.json", theirs._body())

    clock.on_sleep = renew

    with pytest.raises(Locked), lock(bucket, RUI, clock).held():
        pass


def test_an_owner_that_is_known_to_have_ended_loses_the_lock_at_once(bucket: Bucket) -> None:
    clock = Clock(2000.0)
    bucket.put_if_absent("locks/staging.json", lock(bucket, ANA, clock)._body())

    with lock(bucket, RUI, clock, is_gone=lambda owner: owner.pid == 11).held():
        assert clock.now == 2000.0


def test_a_living_owner_is_waited_for_as_long_as_asked(bucket: Bucket) -> None:
    clock = Clock(2000.0)
    first = lock(bucket, ANA, clock).held()
    first.__enter__()
    clock.on_sleep = lambda now: (
        first.__exit__(None, None, None) if now >= 2005.0 and not bucket_is_free() else None
    )

    def bucket_is_free() -> bool:
        return bucket.get("locks/staging.json") is None

    with lock(bucket, RUI, clock).held(wait_seconds=20):
        assert clock.now == 2005.0


def test_a_lock_is_never_released_by_another_owner(bucket: Bucket) -> None:
    clock = Clock(2000.0)

    with lock(bucket, ANA, clock).held():
        bucket.put("locks/staging.json", lock(bucket, RUI, clock)._body())

    found = lock(bucket, ANA, clock).holder()
    assert found is not None
    assert found.who == "rui"


class Away:
    """A bucket that cannot be reached the first times that it is asked."""

    def __init__(self, bucket: Bucket, times: int) -> None:
        self._bucket, self._times = bucket, times

    def get(self, key: str) -> Object | None:
        self._times -= 1
        if self._times >= 0:
            raise AwsError("cannot reach AWS (s3)")
        return self._bucket.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)


class Turns(threading.Event):
    """Ends after so many turns, which pass at once."""

    def __init__(self, turns: int, clock: Clock) -> None:
        super().__init__()
        self._turns, self._clock = turns, clock

    def wait(self, timeout: float | None = None) -> bool:
        self._turns -= 1
        self._clock.sleep(timeout or 0)
        return self._turns < 0


def test_a_network_that_fails_for_a_moment_does_not_cost_the_lock(bucket: Bucket) -> None:
    clock = Clock(2000.0)
    bucket.put_if_absent("locks/staging.json", lock(bucket, ANA, clock)._body())

    lock(cast(Bucket, Away(bucket, times=2)), ANA, clock)._renew(Turns(3, clock))

    assert lock(bucket, ANA, clock).holder() == replace(ANA, renewed=2045.0)


def test_a_lock_that_cannot_be_released_hides_nothing_and_ends_by_itself(bucket: Bucket) -> None:
    clock, notes = Clock(2000.0), []
    away = cast(Bucket, Away(bucket, times=1))

    with pytest.raises(ZeroDivisionError), lock(away, ANA, clock, note=notes.append).held():
        raise ZeroDivisionError

    assert notes == ["it could not be released, and ends by itself in 60 s: cannot reach AWS (s3)"]


def test_releases_are_kept_oldest_first_and_read_by_id(bucket: Bucket) -> None:
    releases = Releases(bucket, "staging")
    releases.write("20260102T000000Z-b", {"verdict": "failed"})
    releases.write("20260101T000000Z-a", {"verdict": "good"})

    assert releases.ids() == ("20260101T000000Z-a", "20260102T000000Z-b")
    assert releases.read("20260101T000000Z-a") == {"verdict": "good"}
    with pytest.raises(EstaleiroError, match="there is no release 'moon'"):
        releases.read("moon")
