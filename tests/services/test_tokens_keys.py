"""Signing keys: rotation without a refused token."""

import asyncio
import base64
import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from tokens_case import run, sealer

from chassis.auth import Verifier
from chassis.jwks import KeyStore, key_set
from tokens import grants, keys
from tokens.keys import KeyChangeError
from tokens.models import Audit, SigningKey
from tokens.ring import KeyRing

ISSUER = "http://tokens.test.internal"
SEALER = sealer()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def age(pool, kid, **columns):
    """Move a key's times into the past."""
    async with pool.session() as session:
        values = {name: func.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
        await session.execute(update(SigningKey).where(SigningKey.kid == kid).values(values))


def test_processes_that_start_together_make_one_first_key():
    async def scenario(pool):
        rings = [KeyRing(pool, SEALER) for _ in range(4)]
        return await asyncio.gather(*(ring.public() for ring in rings))

    published = run(scenario)

    assert len({key["kid"] for keys in published for key in keys}) == 1


def test_a_rotation_never_refuses_a_living_token():
    clock = Clock()

    async def scenario(pool):
        ring, verifier_clock = KeyRing(pool, SEALER, clock=clock), Clock()

        async def fetch():
            return key_set({"keys": await ring.public()}, "max-age=300")

        verifier = Verifier(KeyStore(fetch, clock=verifier_clock), issuer=ISSUER, audience="movies")
        claims = grants.claims("x", ["movies:read"], issuer=ISSUER, now=1000, jti="j")
        verifier._clock = lambda: 1001.0
        first = await ring.sign(claims)
        await verifier.verify(first)

        async with pool.session() as session:
            new = (await keys.introduce(session, SEALER)).kid
        clock.now += keys.RING_AGE + 1
        still_old = await ring.sign(claims)
        await age(pool, new, introduced_at=keys.SPREAD.total_seconds())
        async with pool.session() as session:
            await keys.activate(session, new)
        clock.now += keys.RING_AGE + 1
        second = await ring.sign(claims)
        verifier_clock.now += 301
        for token in (first, still_old, second):
            await verifier.verify(token)

        old = next(key["kid"] for key in await ring.public() if key["kid"] != new)
        await age(pool, old, activated_at=86_400)
        await age(pool, new, activated_at=keys.OVERLAP.total_seconds())
        async with pool.session() as session:
            await keys.retire(session, old)
        clock.now += keys.RING_AGE + 1
        return kid_of(first) == kid_of(still_old) == old, kid_of(second) == new, await ring.public(), new

    old_signed_on, new_signs, public, new = run(scenario)

    assert (old_signed_on, new_signs) == (True, True)
    assert [key["kid"] for key in public] == [new]


def kid_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["kid"]


def test_a_key_is_not_activated_before_verifiers_know_it_nor_retired_while_it_matters():
    async def scenario(pool):
        refusals = []

        async def refused(change, *arguments):
            with pytest.raises(KeyChangeError) as error:
                async with pool.session() as session:
                    await change(session, *arguments)
            refusals.append(str(error.value).split(";")[0].split(" 20")[0])

        async with pool.session() as session:
            await keys.ensure_active(session, SEALER)
            first = (await keys.active_key(session)).kid
            second = (await keys.introduce(session, SEALER)).kid
        await refused(keys.activate, second)
        await refused(keys.retire, first)
        await refused(keys.activate, "nonesuch")
        async with pool.session() as session:
            await keys.activate(session, second, force=True)
        await refused(keys.retire, first)
        async with pool.session() as session:
            await keys.retire(session, first, force=True)
        await refused(keys.activate, first)
        await refused(keys.retire, first)
        async with pool.session() as session:
            gone = (await session.get(SigningKey, first)).private_key
            events = (await session.scalars(select(Audit.event).order_by(Audit.id))).all()
        return [text.replace(first, "1").replace(second, "2") for text in refusals], gone, events

    refusals, gone, events = run(scenario)

    assert refusals == [
        "key 2: verifiers may not know it before",
        "key 1: signs at present",
        "key nonesuch: is unknown",
        "key 1: tokens it signed may live until",
        "key 1: is retired",
        "key 1: is retired already",
    ]
    assert gone is None
    assert events == ["key introduced", "key activated", "key introduced", "key activated", "key retired"]
