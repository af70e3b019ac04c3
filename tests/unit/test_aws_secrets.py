"""Secret values: stored, read, restored, and never shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.aws.secrets import Secret
from infra.errors import AwsError, NotFound
from tests import aws_account
from tests.aws_account import REGION, Script

NAME = "yard/staging/reviews/smtp_password"
TAG = ("yard:environment", "staging")
GOING = (
    "An error occurred: You can't perform this operation on the secret because it was marked for deletion."
)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield connect(REGION, environ={})


def test_a_value_is_stored_replaced_and_read(aws: Aws) -> None:
    aws.secrets.put(NAME, "first", dict([TAG]))
    aws.secrets.put(NAME, "second", dict([TAG]))

    assert (aws.secrets.value(NAME), aws.secrets.exists(NAME)) == ("second", True)


def test_a_secret_that_is_not_there_says_how_to_set_it(aws: Aws) -> None:
    with pytest.raises(NotFound, match=f"^secret {NAME} has no value; set one with `secrets set`$"):
        aws.secrets.value(NAME)

    assert not aws.secrets.exists(NAME)


def test_a_secret_waiting_for_its_deletion_counts_as_absent(aws: Aws) -> None:
    aws.secrets.put(NAME, "old", dict([TAG]))

    aws.secrets.delete(NAME, force=False)

    assert not aws.secrets.exists(NAME)
    with pytest.raises(NotFound, match="is deleted; set it again"):
        aws.secrets.value(NAME)


def test_a_secret_waiting_for_its_deletion_is_restored_before_it_is_set() -> None:
    script = (
        Script("secretsmanager")
        .refuses("put_secret_value", "InvalidRequestException", GOING)
        .answers("restore_secret", {}, asked={"SecretId": NAME})
        .answers("put_secret_value", {}, asked={"SecretId": NAME, "SecretString": "new"})
        .answers("tag_resource", {}, asked={"SecretId": NAME, "Tags": [{"Key": TAG[0], "Value": TAG[1]}]})
    )

    with script.account() as aws:
        aws.secrets.put(NAME, "new", dict([TAG]))


def test_a_forced_deletion_frees_the_name_and_may_be_repeated(aws: Aws) -> None:
    aws.secrets.put(NAME, "old", {})

    aws.secrets.delete(NAME)
    aws.secrets.delete(NAME)

    assert aws.secrets.list(TAG) == ()


def test_secrets_are_listed_by_exact_tag_without_their_values(aws: Aws) -> None:
    aws.secrets.put(NAME, "hush", dict([TAG]))
    aws.secrets.put("yard/staging-2/x", "hush", {TAG[0]: "staging-2"})

    (found,) = aws.secrets.list(TAG)

    assert found == Secret(NAME, found.arn, dict([TAG]))
    assert "hush" not in repr(found)


def test_a_refused_value_is_not_in_the_error() -> None:
    script = Script("secretsmanager").refuses("put_secret_value", "EncryptionFailure", "KMS said no")

    with script.account() as aws, pytest.raises(AwsError) as raised:
        aws.secrets.put(NAME, "hush", {})

    assert "hush" not in f"{raised.value!s}{raised.value!r}"


def test_an_empty_value_is_refused_before_aws_is_asked() -> None:
    with Script("secretsmanager").account() as aws, pytest.raises(AwsError, match="would be empty"):
        aws.secrets.put(NAME, "", {})


def test_bytes_are_no_value(aws: Aws) -> None:
    aws_account.client("secretsmanager", region_name=REGION).create_secret(Name=NAME, SecretBinary=b"x")

    with pytest.raises(AwsError, match="holds bytes, not text"):
        aws.secrets.value(NAME)
