"""What the records of earlier deploys say to the next one."""

from __future__ import annotations

from collections.abc import Iterator

import moto
import pytest

from infra.aws.client import Client
from infra.aws.s3 import Bucket
from infra.commands.record import unproven
from infra.state import Releases
from tests import aws_account

STEPS = ["shop", "shop verdict", "tokens verdict", "smoke test"]


@pytest.fixture
def releases() -> Iterator[Releases]:
    with moto.mock_aws():
        client = aws_account.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Releases(Bucket("state", Client("s3", lambda name: client)), "staging")


def test_a_good_release_leaves_nothing_to_prove(releases: Releases) -> None:
    releases.write("1", {"verdict": "failed", "steps": STEPS})
    releases.write(
        "2", {"verdict": "good", "steps": ["shop", "shop verdict"], "done": ["shop", "shop verdict"]}
    )

    assert unproven(releases) == frozenset()


@pytest.mark.parametrize("verdict", ["running", "interrupted", "failed"])
def test_a_deploy_that_ended_early_leaves_its_verdicts_and_its_smoke_test(
    releases: Releases, verdict: str
) -> None:
    releases.write("1", {"verdict": "good", "steps": STEPS})
    releases.write("2", {"verdict": verdict, "steps": STEPS, "done": ["shop", "tokens verdict"]})

    assert unproven(releases) == {"shop verdict", "smoke test"}


def test_what_a_later_deploy_proved_is_proven(releases: Releases) -> None:
    releases.write("1", {"verdict": "running", "steps": STEPS})
    releases.write("2", {"verdict": "failed", "steps": STEPS, "done": ["shop verdict"]})

    assert unproven(releases) == {"tokens verdict", "smoke test"}


def test_a_good_deploy_of_one_service_alone_proves_that_service_alone(releases: Releases) -> None:
    releases.write("1", {"verdict": "failed", "steps": STEPS})
    done = ["shop", "shop verdict", "smoke test"]
    releases.write("2", {"verdict": "good", "only": "shop", "steps": done, "done": done})

    assert unproven(releases) == {"tokens verdict"}
