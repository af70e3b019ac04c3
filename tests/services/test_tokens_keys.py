"""Signing keys and clients: rotation without a refused token, secrets replaced without a refused client."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from chassis import testing
from chassis.auth import Verifier
from chassis.database import Database
from chassis.jwks import KeyStore, key_set
from sqlalchemy import func, select, text, update
from tokens import clients, grants, hashing, keys, requests
from tokens.clients import ClientsError, Wanted
from tokens.keys import KeyChangeError
from tokens.models import Audit, Client, SigningKey
from tokens.ring import KeyRing
from tokens.sealing import UnsealError, seal, unseal

ISSUER = "http://tokens.test.internal"
SECRET = "the encryption secret"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def run(scenario):
    """Run a coroutine function on a fresh database."""

    async def inside():
        pool = Database(testing.fresh_database("tokens"))
        try:
            return await scenario(pool)
        finally:
            await pool.dispose()

    return asyncio.run(inside())


async def age(pool, kid, **columns):
    """Move a key's times into the past."""
    async with pool.session() as session:
        values = {name: func.now() - timedelta(seconds=seconds) for name, seconds in columns.items()}
        await session.execute(update(SigningKey).where(SigningKey.kid == kid).values(values))


def test_processes_that_start_together_make_one_first_key():
    async def scenario(pool):
        rings = [KeyRing(pool, SECRET) for _ in range(4)]
        return await asyncio.gather(*(ring.public() for ring in rings))

    published = run(scenario)

    assert len({key["kid"] for keys in published for key in keys}) == 1


def test_a_rotation_never_refuses_a_living_token():
    clock = Clock()

    async def scenario(pool):
        ring, verifier_clock = KeyRing(pool, SECRET, clock=clock), Clock()

        async def fetch():
            return key_set({"keys": await ring.public()}, "max-age=300")

        verifier = Verifier(KeyStore(fetch, clock=verifier_clock), issuer=ISSUER, audience="movies")
        claims = grants.claims("x", ["movies:read"], issuer=ISSUER, now=1000, jti="j")
        verifier._clock = lambda: 1001.0
        first = await ring.sign(claims)
        await verifier.verify(first)

        async with pool.session() as session:
            new = (await keys.introduce(session, SECRET)).kid
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
            await keys.ensure_active(session, SECRET)
            first = (await keys.active_key(session)).kid
            second = (await keys.introduce(session, SECRET)).kid
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


def test_private_keys_are_encrypted_at_rest():
    async def scenario(pool):
        await KeyRing(pool, SECRET).public()
        async with pool.session() as session:
            row = await keys.active_key(session)
            return row.private_key, keys.private_key(row, SECRET)

    stored, key = run(scenario)

    assert b"PRIVATE" not in stored
    assert key.is_private


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: (sealed, "other-kid", SECRET),
        lambda sealed: (sealed, "kid", "another secret"),
        lambda sealed: (sealed[:-1] + bytes([sealed[-1] ^ 1]), "kid", SECRET),
        lambda sealed: (b"\x02" + sealed[1:], "kid", SECRET),
        lambda sealed: (b"", "kid", SECRET),
        lambda sealed: (sealed[:20], "kid", SECRET),
    ],
)
def test_a_sealed_key_opens_only_whole_with_its_own_secret_and_id(change):
    sealed = seal(b"private", "kid", SECRET)

    with pytest.raises(UnsealError, match="KEY_ENCRYPTION_SECRET is not the one"):
        unseal(*change(sealed))
    assert unseal(sealed, "kid", SECRET) == b"private"


def test_the_same_key_is_never_sealed_to_the_same_bytes():
    assert seal(b"private", "kid", SECRET) != seal(b"private", "kid", SECRET)


def test_clients_become_what_the_list_says_and_a_second_time_nothing_changes():
    reviews = Wanted("reviews", frozenset({"movies:read"}), "one")
    operator = Wanted("operator", frozenset({"movies:read"}), "two")

    async def scenario(pool):
        said = []
        for listed in (
            [reviews, operator],
            [reviews, operator],
            [Wanted("reviews", frozenset({"movies:write"}), "one")],
            [reviews, operator],
        ):
            async with pool.session() as session:
                said.append(await clients.synchronise(session, listed))
        async with pool.session() as session:
            return said, (await clients.find(session, "reviews")).scopes

    said, scopes = run(scenario)

    assert said == [
        [
            "reviews: client created", "reviews: scopes changed", "reviews: secret added",
            "operator: client created", "operator: scopes changed", "operator: secret added",
        ],
        [],
        ["reviews: scopes changed", "operator: client disabled"],
        ["reviews: scopes changed", "operator: client enabled"],
    ]  # fmt: skip
    assert scopes == {"movies:read"}


def test_a_former_secret_works_for_a_day_and_only_the_last_one_does():
    async def scenario(pool):
        for secret in ("first", "second", "third"):
            async with pool.session() as session:
                await clients.synchronise(session, [Wanted("x", frozenset({"a:b"}), secret)])
        async with pool.session() as session:
            hashes = (await clients.find(session, "x")).hashes
            await session.execute(
                text("UPDATE client_secrets SET expires_at = expires_at - interval '24 hours'")
            )
        async with pool.session() as session:
            later = (await clients.find(session, "x")).hashes
        return hashes, later

    hashes, later = run(scenario)

    secrets = ("first", "second", "third")
    assert [hashing.matches(hashes, secret) for secret in secrets] == [False, True, True]
    assert [hashing.matches(later, secret) for secret in secrets] == [False, False, True]


def test_a_disabled_client_has_no_secrets_to_compare_with():
    async def scenario(pool):
        async with pool.session() as session:
            await clients.synchronise(session, [Wanted("x", frozenset({"a:b"}), "secret")])
        async with pool.session() as session:
            await clients.synchronise(session, [])
        async with pool.session() as session:
            return await clients.find(session, "x"), (await session.get(Client, "x")).disabled_at

    known, disabled_at = run(scenario)

    assert (known.scopes, known.hashes) == (frozenset(), ())
    assert disabled_at is not None


def test_secrets_are_compared_as_often_for_everybody(monkeypatch):
    compared = []
    monkeypatch.setattr(hashing, "_verify", lambda stored, secret: compared.append(stored) or False)

    for stored in ((), ("one",), ("one", "two")):
        hashing.matches(stored, "x")

    assert len(compared) == 3 * hashing.SECRETS


def test_no_hash_means_no_match_even_with_the_dummys_own_secret():
    assert hashing.matches((), "no client has this secret") is False


def test_too_many_waiting_attempts_are_turned_away():
    async def scenario():
        checker = hashing.SecretChecker(threads=1, waiting=2)
        answers = await asyncio.gather(*(checker.matches((), "x") for _ in range(3)), return_exceptions=True)
        checker.close()
        return answers

    first, second, third = asyncio.run(scenario())

    assert (first, second, type(third)) == (False, False, hashing.TooBusy)


def test_every_problem_of_the_list_of_clients_is_told_at_once():
    entry = {"client_id": "x", "scopes": ["movies"], "secret_env": "CLIENT_SECRET_X"}

    with pytest.raises(ClientsError) as error:
        clients.wanted(json.dumps([entry, entry]), {})

    assert str(error.value) == (
        "CLIENTS: x stands twice; CLIENT_SECRET_X is missing; CLIENT_SECRET_X is missing; "
        "'movies' should be like movies:read; 'movies' should be like movies:read"
    )
    with pytest.raises(ClientsError, match="CLIENTS: Input data was truncated"):
        clients.wanted("[", {})


def test_a_request_does_not_show_its_secret():
    request = requests.read(
        "application/x-www-form-urlencoded",
        {"grant_type": ["client_credentials"], "client_id": ["x"], "client_secret": ["hunter22"]},
        [],
    )

    assert "hunter22" not in repr(request)


def command(database, *arguments, **environment):
    given = {
        "PYTHONPATH": os.environ["PYTHONPATH"], "SERVICE": "tokens", "PROCESS": "clients", "ENVIRONMENT": "test",
        "RELEASE": "tokens-1", **testing.postgres().environment(database), **environment,
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-m", "tokens", *arguments], env=given, capture_output=True, text=True
    )
    return run.returncode, run.stdout.splitlines(), run.stderr.splitlines()


def test_the_one_off_tasks_synchronise_clients_and_rotate_keys():
    database = testing.fresh_database("tokens").database
    listed = [{"client_id": "reviews", "scopes": ["movies:read"], "secret_env": "CLIENT_SECRET_REVIEWS"}]

    made = command(database, "clients", CLIENTS=json.dumps(listed), CLIENT_SECRET_REVIEWS="hunter22")
    again = command(database, "clients", CLIENTS=json.dumps(listed), CLIENT_SECRET_REVIEWS="hunter22")
    without = command(database, "clients", CLIENTS=json.dumps(listed))
    introduced = command(database, "keys", "introduce", KEY_ENCRYPTION_SECRET="x" * 32)
    kid = introduced[1][0].split()[1].rstrip(":")
    early = command(database, "keys", "activate", kid)
    forced = command(database, "keys", "activate", kid, "--force")
    shown = command(database, "keys", "list")

    assert made == (0, ["reviews: client created", "reviews: scopes changed", "reviews: secret added"], [])
    assert again == (0, ["clients: nothing to do"], [])
    assert without == (1, [], ["CLIENTS: CLIENT_SECRET_REVIEWS is missing"])
    assert (introduced[0], early[0], len(early[2])) == (0, 1, 1)
    assert forced == (0, [f"key {kid}: signs from now on"], [])
    assert shown[1][0].split()[:2] == [kid, "active"]


def test_commands_without_their_settings_say_which():
    database = testing.fresh_database("tokens").database

    assert command(database, "keys", "introduce") == (1, [], ["settings: KEY_ENCRYPTION_SECRET is missing"])
    assert command(database, "clients", DATABASE_HOST="")[2] == ["settings: DATABASE_HOST is missing"]
