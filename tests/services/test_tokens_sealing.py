"""Private keys at rest: sealed with KMS, opened only as what they are, and the way there from the releases before."""

import asyncio
import os
import time
from datetime import timedelta

import cloud
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import select, text
from tokens_case import OPERATOR, Case, MemoryKeys, run, sealer

from chassis.aws import AwsError, Client
from tokens import keys, rotation
from tokens.data_keys import KmsDataKeys
from tokens.models import Audit, SigningKey
from tokens.ring import KeyRing, NoKey
from tokens.sealing import Sealer, UnsealError

SECRET = "the secret of the releases before"
MONTH = timedelta(days=30)


def with_kms(scenario):
    """Run a coroutine function with a function that makes a Sealer of a KMS key; the KMS is moto's."""

    async def inside():
        client = Client("kms", region=cloud.REGION, endpoint=cloud.url())
        try:
            return await scenario(lambda key: Sealer(KmsDataKeys(key, client), service="tokens"))
        finally:
            await client.close()

    return asyncio.run(inside())


def sealed_before(private, kid, secret=SECRET):
    """Seal as the releases before KMS did."""
    salt, nonce = os.urandom(16), os.urandom(12)
    key = HKDF(SHA256(), 32, salt, b"estaleiro signing key").derive(secret.encode())
    return b"\x01" + salt + nonce + AESGCM(key).encrypt(nonce, private, kid.encode())


async def key_from_before(pool):
    """Store an active key as a release from before KMS left it; return its kid and its private half."""
    private = RSAKey.generate_key(2048)
    async with pool.session() as session:
        row = await keys.introduce(session, sealer())
        row.public_key = {**row.public_key, **private.as_dict(private=False)}
        row.private_key = sealed_before(private.as_pem(private=True), row.kid)
        await keys.activate(session, row.kid, force=True)
        return row.kid, private


def test_a_key_is_sealed_under_a_data_key_that_kms_opens_for_its_own_id_alone():
    async def scenario(sealer_of):
        ours, other = sealer_of(cloud.kms_key()), sealer_of(cloud.kms_key())
        sealed = await ours.seal(b"private half", "kid-1")
        with pytest.raises(UnsealError, match="signing key kid-2: KMS does not open it"):
            await ours.unseal(sealed, "kid-2")
        # KMS calls it IncorrectKeyException, moto AccessDenied.
        with pytest.raises((UnsealError, AwsError)):
            await other.unseal(sealed, "kid-1")
        return sealed, await ours.unseal(sealed, "kid-1")

    sealed, opened = with_kms(scenario)

    assert opened == b"private half"
    assert b"private half" not in sealed


def test_kms_that_refuses_or_does_not_answer_is_told_from_a_key_that_does_not_open():
    async def scenario(sealer_of):
        with pytest.raises(AwsError, match="refused") as refused:
            await sealer_of("no-such-key").seal(b"private", "kid")
        silent = Client("kms", region=cloud.REGION, endpoint="http://127.0.0.1:9")
        with pytest.raises(AwsError, match="cannot be reached"):
            await Sealer(KmsDataKeys("key", silent), service="tokens").seal(b"private", "kid")
        await silent.close()
        return refused.value.code

    assert with_kms(scenario) == "NotFoundException"


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: sealed[:3] + bytes([sealed[3] ^ 1]) + sealed[4:],
        lambda sealed: sealed[:80] + bytes([sealed[80] ^ 1]) + sealed[81:],
        lambda sealed: b"\x03" + sealed[1:],
        lambda sealed: sealed[:40],
        lambda sealed: b"\x02",
        lambda sealed: b"",
    ],
)
def test_a_sealed_key_that_was_changed_does_not_open(change):
    async def scenario():
        whole = sealer()
        sealed = await whole.seal(b"private", "kid")
        with pytest.raises(UnsealError, match="signing key kid: "):
            await whole.unseal(change(sealed), "kid")
        return await whole.unseal(sealed, "kid")

    assert asyncio.run(scenario()) == b"private"


def test_the_same_key_is_never_sealed_to_the_same_bytes():
    async def scenario():
        whole = sealer()
        return await whole.seal(b"private", "kid"), await whole.seal(b"private", "kid")

    first, second = asyncio.run(scenario())

    assert first != second


def test_nothing_in_the_database_is_a_private_key():
    async def scenario(pool):
        await KeyRing(pool, sealer()).public()
        async with pool.session() as session:
            return [
                bytes(row)
                for row in await session.scalars(text("SELECT signing_keys::text::bytea FROM signing_keys"))
            ]

    (stored,) = run(scenario)

    assert b"PRIVATE" not in stored
    assert b"PRIVATE".hex().encode() not in stored


def test_keys_from_before_sign_on_and_are_sealed_anew_once_nobody_from_before_is_left():
    async def scenario(pool):
        kid, private = await key_from_before(pool)
        now = [1000.0]
        new = sealer(old_secret=SECRET)
        turning = rotation.Rotation(pool, new, age=MONTH, clock=lambda: now[0])
        old_token = jwt.encode({"alg": "RS256", "kid": kid}, {"sub": "x"}, private)
        tokens = [old_token, await KeyRing(pool, new).sign({"sub": "x"})]

        while_rolling_out = await turning.look()
        kept = await stored(pool, kid)
        now[0] += rotation.SETTLED
        settled = await turning.look()
        after = await stored(pool, kid)
        tokens.append(
            await KeyRing(pool, sealer(new._keys)).sign({"sub": "x"})
        )  # without the secret of before
        verifying = KeySet.import_key_set({"keys": await KeyRing(pool, new).public()})
        good = [jwt.decode(token, verifying).claims["sub"] for token in tokens]
        return (
            kid,
            while_rolling_out,
            kept[:1],
            settled,
            after[:1],
            good,
            await turning.look(),
            await events(pool),
        )

    kid, while_rolling_out, kept, settled, after, good, then, told = run(scenario)

    assert (while_rolling_out, kept) == ([], b"\x01")
    assert (settled, after) == ([f"key {kid}: sealed anew, with KMS"], b"\x02")
    assert good == ["x", "x", "x"]
    assert then == []
    assert told[-1] == "key sealed anew"


def test_no_key_that_the_release_before_cannot_open_is_introduced_while_it_may_serve():
    async def scenario(pool):
        await key_from_before(pool)
        async with pool.session() as session:
            await session.execute(
                text("UPDATE signing_keys SET activated_at = activated_at - interval '31 days'")
            )
        steps = []
        for settled in (False, True, True):
            async with pool.session() as session:
                steps += await rotation.advance(
                    session, sealer(old_secret=SECRET), age=MONTH, settled=settled
                )
        return [step.split(": ")[1] for step in steps]

    assert run(scenario) == ["sealed anew, with KMS", "introduced"]


def test_a_key_from_before_is_not_opened_with_another_secret_or_none_and_stays_as_it_was():
    async def scenario(pool):
        kid, _ = await key_from_before(pool)
        refusals = []
        for secret in ("another secret", None):
            with pytest.raises(UnsealError, match="KEY_ENCRYPTION_SECRET is") as error:
                async with pool.session() as session:
                    await keys.reseal(session, sealer(old_secret=secret))
            refusals.append(str(error.value).removeprefix(f"signing key {kid}: "))
        return refusals, (await stored(pool, kid))[:1]

    refusals, kept = run(scenario)

    assert refusals == [
        "cannot be decrypted; KEY_ENCRYPTION_SECRET is not the one it was made with",
        "was sealed before KMS; KEY_ENCRYPTION_SECRET is needed to open it",
    ]
    assert kept == b"\x01"


def test_kms_that_fails_half_way_leaves_every_key_as_it_was():
    class Once(MemoryKeys):
        async def make(self, context):
            made = await super().make(context)
            self.broken = True
            return made

    async def scenario(pool):
        kids = [(await key_from_before(pool))[0] for _ in range(2)]
        with pytest.raises(AwsError):
            async with pool.session() as session:
                await keys.reseal(session, sealer(Once(), old_secret=SECRET))
        return [(await stored(pool, kid))[:1] for kid in kids]

    assert run(scenario) == [b"\x01", b"\x01"]


def test_kms_is_asked_once_a_key_and_not_each_time_that_the_database_is_read():
    async def scenario(pool):
        now, data_keys = [0.0], MemoryKeys()
        ring = KeyRing(pool, sealer(data_keys), clock=lambda: now[0])
        for _ in range(5):
            await ring.sign({"sub": "x"})
            now[0] += keys.RING_AGE + 1
        return data_keys.asked

    assert run(scenario) == 2  # made, and opened


def test_while_kms_is_away_the_former_key_signs_on_and_the_new_one_takes_over_later():
    async def scenario(pool):
        now, data_keys = [0.0], MemoryKeys()
        ring = KeyRing(pool, sealer(data_keys), clock=lambda: now[0])
        signed = [await ring.sign({"sub": "x"})]
        async with pool.session() as session:
            new = (await keys.introduce(session, sealer(data_keys))).kid
            await keys.activate(session, new, force=True)
        data_keys.broken = True
        now[0] += keys.RING_AGE + 1
        signed.append(await ring.sign({"sub": "x"}))
        published = [key["kid"] for key in await ring.public()]
        data_keys.broken = False
        now[0] += keys.RING_AGE + 1
        signed.append(await ring.sign({"sub": "x"}))
        return (
            [
                jwt.decode(token, KeySet.import_key_set({"keys": await ring.public()})).header["kid"]
                for token in signed
            ],
            new,
            published,
        )

    (first, meanwhile, last), new, published = run(scenario)

    assert first == meanwhile != last == new
    assert new in published


def test_a_revoked_key_signs_no_more_even_while_kms_is_away():
    async def scenario(pool):
        now, data_keys = [0.0], MemoryKeys()
        ring = KeyRing(pool, sealer(data_keys), clock=lambda: now[0])
        await ring.sign({"sub": "x"})
        async with pool.session() as session:
            await keys.revoke(session, (await keys.active_key(session)).kid, sealer(data_keys))
        data_keys.broken = True
        now[0] += keys.RING_AGE + 1
        with pytest.raises(NoKey):
            await ring.sign({"sub": "x"})

    run(scenario)


def test_a_kms_that_hangs_does_not_hold_up_requests_for_long():
    class Hanging(MemoryKeys):
        async def unwrap(self, wrapped, context):
            await asyncio.sleep(600)

    async def scenario(pool):
        data_keys = Hanging()
        began = time.monotonic()
        with pytest.raises(NoKey):
            await KeyRing(pool, sealer(data_keys)).sign({"sub": "x"})
        return time.monotonic() - began

    assert run(scenario) < 60


class TestWithoutKms(Case):
    def test_no_token_can_be_had_and_the_answer_says_to_come_back_while_published_keys_are_shown(self):
        ring = self._app.dependencies.ring
        (key,) = self.call("GET", "/.well-known/jwks.json").json["keys"]
        ring._loaded = None  # as in a process that has just begun
        ring._sealer = sealer(broken())

        answer = self.ask(basic=OPERATOR)

        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert b"kms" not in answer.body
        assert self.call("GET", "/.well-known/jwks.json").json["keys"] == [key]
        assert self.call("GET", "/health/ready").status == 200


def broken():
    data_keys = MemoryKeys()
    data_keys.broken = True
    return data_keys


async def stored(pool, kid):
    async with pool.session() as session:
        return bytes((await session.get(SigningKey, kid)).private_key)


async def events(pool):
    async with pool.session() as session:
        return (await session.scalars(select(Audit.event).order_by(Audit.id))).all()
