"""The keys that tokens are verified with: fetched once, kept while the issuer is away, chosen with care."""

import asyncio

import pytest
from joserfc.jwk import RSAKey

from chassis import jwks
from chassis.jwks import KeySet, KeyStore, KeysUnavailable
from chassis.testing import KID, signing_key


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def _store(answers, max_age=300.0, clock=None):
    """Return a store whose fetches give the answers in turn, the last for ever; and the list of fetches."""
    fetched = []

    async def fetch():
        await asyncio.sleep(0)
        answer = answers[min(len(fetched), len(answers) - 1)]
        fetched.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return KeySet(answer, max_age)

    return KeyStore(fetch, clock=clock or Clock()), fetched


def test_keys_are_fetched_once_for_many_requests_at_once():
    store, fetched = _store([{KID: signing_key()}])

    async def many():
        return await asyncio.gather(*(store.get(KID) for _ in range(50)))

    assert len(asyncio.run(many())) == 50
    assert len(fetched) == 1


def test_an_unknown_key_is_asked_for_once_and_then_again_only_after_the_cooldown():
    clock = Clock()
    store, fetched = _store([{"old": signing_key()}], clock=clock)

    async def scenario():
        await store.get("old")
        clock.now += jwks.COOLDOWN
        for number in range(100):
            assert await store.get(f"unknown-{number}") is None
        in_the_first_moment = len(fetched)
        clock.now += jwks.COOLDOWN
        await store.get("unknown")
        return in_the_first_moment, len(fetched)

    assert asyncio.run(scenario()) == (2, 3)


def test_a_rotated_key_is_found_without_a_restart():
    clock = Clock()
    store, _ = _store([{"old": signing_key()}, {"old": signing_key(), "new": signing_key()}], clock=clock)

    async def scenario():
        await store.get("old")
        clock.now += jwks.COOLDOWN
        return await store.get("new")

    assert asyncio.run(scenario()) is signing_key()


def test_known_keys_serve_on_while_the_issuer_is_away_and_a_withdrawn_one_goes_when_it_is_back():
    clock = Clock()
    store, _ = _store([{KID: signing_key()}, OSError("away"), {"new": signing_key()}], clock=clock)

    async def scenario():
        await store.get(KID)
        clock.now += 301
        stale = await store.get(KID)
        await asyncio.sleep(0.01)
        still = await store.get(KID)
        clock.now += jwks.COOLDOWN
        await store.get(KID)
        await asyncio.sleep(0.01)
        return stale, still, await store.get(KID)

    assert asyncio.run(scenario()) == (signing_key(), signing_key(), None)


def test_keys_that_were_never_fetched_are_unavailable_and_soon_asked_for_again():
    clock = Clock()
    store, _ = _store([OSError("away"), {KID: signing_key()}], clock=clock)

    async def scenario():
        with pytest.raises(KeysUnavailable):
            await store.get(KID)
        clock.now += 1
        return await store.get(KID)

    assert asyncio.run(scenario()) is signing_key()


def test_a_caller_that_gives_up_does_not_take_the_keys_from_the_others():
    store, fetched = _store([{KID: signing_key()}])

    async def scenario():
        first = asyncio.create_task(store.get(KID))
        await asyncio.sleep(0)
        second = asyncio.create_task(store.get(KID))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(scenario()) is signing_key()
    assert len(fetched) == 1


@pytest.mark.filterwarnings("ignore:Key size")
def test_only_rsa_keys_for_signatures_of_sufficient_size_are_taken():
    good = signing_key().as_dict(private=False)
    small = RSAKey.generate_key(1024).as_dict(private=False)
    members = [
        {**good, "kid": "good"},
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "ps", "alg": "PS256"},
        {**good, "kid": 7},
        {**small, "kid": "small"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
    ]

    found = jwks.key_set({"keys": members}, "public, max-age=120")

    assert (set(found.keys), found.max_age) == ({"good"}, 120.0)


@pytest.mark.parametrize(
    "header, seconds", [("", 300.0), ("no-store", 300.0), ("max-age=0", 30.0), ("max-age=99999999", 3600.0)]
)
def test_the_time_to_keep_keys_is_bounded(header, seconds):
    assert jwks.key_set({"keys": []}, header).max_age == seconds
