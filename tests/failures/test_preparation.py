"""What fails before a rollout, in a first one, or so badly that the stack cannot go back."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest

from tests.failures.yard import PROJECT, STOCK, Told, Yard, ended, eventually, process

SECRET = "estaleiro/local/clock/face"


def clock(*words: str) -> str:
    """A service of one process that never runs twice, and needs a secret."""
    beat = process("beat", *words, service="clock", more="singleton = true")
    return f'description = "Tiny"\n[secrets]\nnames = ["face"]\n[deployment]\nfailures = 1\n{beat}'


def test_a_json_key_that_is_missing(yard: Yard, told: Told) -> None:
    before = yard.running("stock", "web")
    secrets = yard.client("secretsmanager")
    arn = yard.output("stock-release", "AppLoginArn")
    whole = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"username": "stock_app"}))
    yard.write("stock", STOCK.replace("crates", "boxes"))

    end = yard.run("deploy", "--service", "stock", "--skip-checks")
    secrets.put_secret_value(SecretId=arn, SecretString=whole)

    told.add("JSON key missing", end)
    assert end.code == 1
    assert re.match(
        r"stock provision: the provision task of stock failed: the secret \S+ has no JSON key password",
        end.sentence,
    )
    assert "add the key to the secret's value and deploy again" in end.sentence
    assert yard.running("stock", "web") == before


@pytest.mark.slow
def test_a_host_lost_in_the_middle_of_a_migration(yard: Yard, told: Told) -> None:
    before = yard.running("stock", "web")
    versions = yard.root / "services/stock/migrations/versions"
    shutil.copy2(PROJECT / "slow_migration.py", versions / "0002_slow.py")

    began = time.monotonic()
    command = yard.start("deploy", "--service", "stock", "--skip-checks")
    yard.switch("host-lost", instance=eventually(yard.migrating_host))
    end = ended(command, began)
    (versions / "0002_slow.py").unlink()

    told.add("host lost mid-migration (no exit code)", end)
    assert end.code == 1
    assert re.match(
        r"stock migrate: the migrate task of stock failed: its host was lost before it ended, so nobody knows how far "
        r"it came \(Host EC2 \(instance i-\w+\) terminated\.\); deploy again",
        end.sentence,
    )
    assert yard.running("stock", "web") == before
    assert eventually(yard.answer) == "one"


def test_a_first_rollout_is_explained_though_its_service_is_gone(yard: Yard, told: Told) -> None:
    yard.write("clock", clock("work"))

    end = yard.run("deploy", "--service", "clock", "--skip-checks")

    told.add("first deploy of a service, secret missing", end)
    assert end.code == 1
    assert end.sentence == (
        f"clock beat: a task failed: the secret {SECRET} is missing or empty; set its value and deploy again"
    )
    assert "the stack is ROLLBACK_COMPLETE" in end.last


@pytest.mark.slow
def test_a_stack_that_cannot_go_back_goes_on_once_it_can(yard: Yard, told: Told) -> None:
    secrets = yard.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString="round")
    yard.write("clock", clock("work"))
    first = yard.run("deploy", "--service", "clock", "--skip-checks")
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    yard.write("clock", clock("work", "faster"))

    end = yard.run("deploy", "--service", "clock", "--skip-checks")
    stuck = yard.stack("clock")
    secrets.create_secret(Name=SECRET, SecretString="square")
    again = yard.run("deploy", "--service", "clock", "--skip-checks")

    told.add("UPDATE_ROLLBACK_FAILED", end)
    assert (first.code, end.code, stuck) == (0, 1, "UPDATE_ROLLBACK_FAILED")
    assert f"failed: the secret {SECRET} is missing or empty" in end.sentence
    assert "deploy again: that continues the rollback first" in end.last
    assert (again.code, yard.stack("clock")) == (0, "UPDATE_COMPLETE"), again.text
