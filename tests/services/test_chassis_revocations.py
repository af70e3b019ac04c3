"""The list of revocations in a verifier: read anew every few seconds, and an issuer that is away stops nobody."""

import asyncio

from chassis.access_tokens import Claims
from chassis.revocations import AGE, RevocationList, Revocations


def claims(jti="j", client_id="c", iat=100):
    return Claims("iss", "s", "a", client_id, iat, iat + 600, jti)


def test_a_token_its_client_or_its_key_may_be_taken_back():
    listed = RevocationList(tokens=["gone"], clients={"fired": 100}, keys=["leaked"])

    assert listed.has(claims("gone"), "k")
    assert listed.has(claims(), "leaked")
    assert listed.has(claims(client_id="fired", iat=100), "k")
    assert not listed.has(claims(client_id="fired", iat=101), "k")
    assert not listed.has(claims(), "k")


def test_the_list_is_fetched_once_an_age_and_kept_when_the_issuer_is_away():
    async def scenario():
        now, asked, away = [0.0], [], [False]

        async def fetch():
            asked.append(now[0])
            if away[0]:
                raise ConnectionError("away")
            return RevocationList(tokens=["gone"])

        known = Revocations(fetch, clock=lambda: now[0])
        first = [await known.has(claims("gone"), "k") for _ in range(3)]
        now[0], away[0] = AGE + 1, True
        later = await known.has(claims("gone"), "k")
        await asyncio.sleep(0)
        still = await known.has(claims("gone"), "k")
        await known.close()
        return first, later, still, asked

    first, later, still, asked = asyncio.run(scenario())

    assert (first, later, still) == ([True] * 3, True, True)
    assert asked == [0.0, AGE + 1]


def test_without_a_first_list_nothing_is_refused():
    async def scenario():
        async def fetch():
            raise ConnectionError("away")

        return await Revocations(fetch).has(claims(), "k")

    assert asyncio.run(scenario()) is False
