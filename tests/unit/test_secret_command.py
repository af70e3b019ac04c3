"""`secrets`: only what a manifest declares, tagged as the environment's."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.secrets import Secret
from infra.commands.context import Context, new_reporter
from infra.commands.secret import declared, put, secrets_command
from infra.errors import ConfigurationError
from tests.aws_account import REGION
from tests.shipyard import SHIPYARD, config


@pytest.fixture
def account() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})


def test_a_secret_ends_with_its_environment(account: Aws) -> None:
    context = Context(SHIPYARD, config("staging"), account, new_reporter(lambda event: None), None)

    put(context, "mailer", "smtp_user", "me")

    (found,) = account.secrets.list(("shipyard:environment", "staging"))
    assert account.secrets.value("shipyard/staging/mailer/smtp_user") == "me"
    assert (found.name, found.tags) == (
        "shipyard/staging/mailer/smtp_user",
        {"shipyard:environment": "staging", "shipyard:part": "mailer-release"},
    )
    assert isinstance(found, Secret)


def test_a_name_that_no_manifest_declares_is_refused() -> None:
    words = argparse.Namespace(
        environment="staging", like=None, action="set", service="mailer", name="smtp_pasword", json=False
    )

    with pytest.raises(
        ConfigurationError, match="no manifest declares 'smtp_pasword' of 'mailer'"
    ) as refused:
        secrets_command(SHIPYARD, words)

    assert "mailer smtp_password, mailer smtp_user" in str(refused.value)
    assert declared(config("staging")) == (("mailer", "smtp_password"), ("mailer", "smtp_user"))
