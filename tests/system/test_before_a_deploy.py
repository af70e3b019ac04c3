"""Checks on the running system: what would make a task fail to start stops a deploy before anything changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import aws_account
from tests.system.conftest import Shipyard


def client(yard: Shipyard, service: str) -> Any:
    return aws_account.client(
        service,
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{yard.api_port}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def login(yard: Shipyard) -> str:
    """The ARN of a login that the catalogue's tasks need."""
    found = client(yard, "cloudformation").describe_stack_resource(
        StackName="estaleiro-local-movies-release", LogicalResourceId="AppLogin"
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


@contextmanager
def without_its_password(yard: Shipyard, secret: str) -> Iterator[None]:
    secrets = client(yard, "secretsmanager")
    before = secrets.get_secret_value(SecretId=secret)["SecretString"]
    secrets.put_secret_value(
        SecretId=secret, SecretString=json.dumps({"username": "movies_app", "passwort": "x"})
    )
    try:
        yield
    finally:
        secrets.put_secret_value(SecretId=secret, SecretString=before)


@contextmanager
def deleted(yard: Shipyard, secret: str) -> Iterator[None]:
    secrets = client(yard, "secretsmanager")
    secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    try:
        yield
    finally:
        secrets.restore_secret(SecretId=secret)


@pytest.mark.parametrize(
    ("broken", "reason", "fix"),
    [
        pytest.param(
            without_its_password,
            "movies provision, movies web cannot start: the key 'password' is missing; it has 'passwort', 'username'",
            "aws secretsmanager put-secret-value --secret-id ",
            id="a wrong key",
        ),
        pytest.param(
            deleted,
            "movies provision, movies web cannot start: it has no value",
            "aws secretsmanager restore-secret --secret-id ",
            id="no secret",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_secret_that_a_task_cannot_read_stops_a_deploy_before_anything_changes(
    shipyard: Shipyard, broken: Any, reason: str, fix: str
) -> None:
    secret, releases = login(shipyard), shipyard.deploy_py("releases", "--json").stdout

    with broken(shipyard, secret):
        done = shipyard.deploy_py("deploy", code=3)
        told = json.loads(shipyard.deploy_py("verify", "--json", code=1).stdout)

    assert reason in done.stderr
    assert f"{fix}{secret}" in done.stderr
    assert "nothing was changed" in done.stderr
    assert shipyard.deploy_py("releases", "--json").stdout == releases
    assert [check["reason"] for check in told["checks"] if check["status"] == "FAIL"] == [reason]


@pytest.mark.slow
def test_a_secret_that_people_set_is_missed_by_name_and_the_fix_mends_it(shipyard: Shipyard) -> None:
    manifest = shipyard.root / "services/movies/service.toml"
    before = manifest.read_text(encoding="utf-8")
    manifest.write_text(f'{before}\n[secrets]\nnames = ["smtp_password"]\n', encoding="utf-8")

    try:
        missed = shipyard.deploy_py("verify", code=1).stderr
        fix = missed.rpartition("./deploy.py ")[2].split()
        shipyard.deploy_py(*fix, stdin="hidden\n")
        mended = json.loads(shipyard.deploy_py("verify", "--json").stdout)
        listed = shipyard.deploy_py("secrets", "list", "--json").stdout
    finally:
        manifest.write_text(before, encoding="utf-8")
        client(shipyard, "secretsmanager").delete_secret(
            SecretId="estaleiro/local/movies/smtp_password", ForceDeleteWithoutRecovery=True
        )

    assert fix == ["secrets", "set", "local", "movies", "smtp_password"]
    assert {
        "name": "secrets",
        "subject": "estaleiro/local/movies/smtp_password",
        "status": "OK",
    }.items() <= next(
        check for check in mended["checks"] if check["subject"].endswith("smtp_password")
    ).items()
    assert json.loads(listed) == [{"service": "movies", "name": "smtp_password", "set": True}]


def test_straight_after_a_deploy_the_plan_is_empty_and_every_check_passes(shipyard: Shipyard) -> None:
    plan = json.loads(shipyard.deploy_py("plan", "--json", "--fail-on-changes").stdout)
    told = json.loads(shipyard.deploy_py("verify", "--json").stdout)

    assert (plan["empty"], plan["steps"], plan["migrations"], plan["images"]) == (True, [], [], [])
    assert {check["status"] for check in told["checks"]} == {"OK", "SKIP"}
    assert [check["subject"] for check in told["checks"] if check["status"] == "SKIP"] == ["domain"]
