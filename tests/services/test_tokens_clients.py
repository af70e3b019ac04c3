"""Clients: made what the list says, and secrets replaced without a refused client."""

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout

import cloud
import pytest
from sqlalchemy import text
from tokens_case import run

from chassis import testing
from tokens import clients, hashing, requests
from tokens.__main__ import main
from tokens.clients import ClientsError, Wanted
from tokens.models import Client


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


def test_credentials_do_not_show_their_secret():
    form = {"client_id": "x", "client_secret": "hunter22"}

    found = requests.credentials(form, [])

    assert found.secret == "hunter22"
    assert "hunter22" not in repr(found)


def command(database, *arguments, **environment):
    given = {
        "SERVICE": "tokens", "PROCESS": "clients", "ENVIRONMENT": "test", "RELEASE": "tokens-1",
        **testing.postgres().environment(database), **environment,
    }  # fmt: skip
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as error:
        code = main(list(arguments), given)
    return code, out.getvalue().splitlines(), error.getvalue().splitlines()


def test_the_one_off_tasks_synchronise_clients_and_rotate_keys():
    database = testing.fresh_database("tokens").database
    listed = [{"client_id": "reviews", "scopes": ["movies:read"], "secret_env": "CLIENT_SECRET_REVIEWS"}]

    made = command(database, "clients", CLIENTS=json.dumps(listed), CLIENT_SECRET_REVIEWS="hunter22")
    again = command(database, "clients", CLIENTS=json.dumps(listed), CLIENT_SECRET_REVIEWS="hunter22")
    without = command(database, "clients", CLIENTS=json.dumps(listed))
    introduced = command(database, "keys", "introduce", **cloud.variables(), KMS_KEY_ID=cloud.kms_key())
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


def test_a_key_is_not_made_while_kms_cannot_be_asked():
    database = testing.fresh_database("tokens").database
    away = {**cloud.variables(), "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "KMS_KEY_ID": "some-key"}

    code, said, errors = command(database, "keys", "introduce", **away)

    assert (code, said) == (1, [])
    assert errors[0].startswith("tokens: nothing was changed: kms cannot be reached: ")
    assert command(database, "keys", "list") == (0, [], [])


def test_commands_without_their_settings_say_which():
    database = testing.fresh_database("tokens").database

    assert command(database, "keys", "introduce") == (1, [], ["settings: KMS_KEY_ID is missing"])
    assert command(database, "clients") == (1, [], ["CLIENTS is missing"])
    assert command(database, "clients", DATABASE_HOST="")[2] == ["settings: DATABASE_HOST is missing"]
