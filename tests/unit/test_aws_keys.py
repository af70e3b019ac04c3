"""KMS keys: asked to go, going already, not there; and which of them a census counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws
from tests import aws_account


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws(lambda name: aws_account.client(name, region_name="eu-west-1"))


def made() -> str:
    return aws_account.client("kms", region_name="eu-west-1").create_key()["KeyMetadata"]["KeyId"]


def test_a_key_goes_once_and_asking_again_or_for_none_is_fine(aws: Aws) -> None:
    key = made()

    for _ in range(2):
        aws.keys.delete(key)
    aws.keys.delete("11111111-2222-3333-4444-555555555555")

    described = aws_account.client("kms", region_name="eu-west-1").describe_key(KeyId=key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"


def test_a_census_counts_keys_that_stay_and_none_that_is_going(aws: Aws) -> None:
    stays, goes = made(), made()

    aws.keys.delete(goes)

    assert [(one.id, one.detail) for one in aws.census._keys()] == [(stays, "Enabled")]
