"""What the records of earlier deploys say to the next one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import moto
import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID

from infra.aws import connect
from infra.aws.client import Client
from infra.aws.s3 import Bucket
from infra.commands.context import Context, new_reporter
from infra.commands.digests import digests
from infra.commands.record import unproven
from infra.config.environment import Images
from infra.git import commit
from infra.state import Releases
from tests import aws_account
from tests.shipyard import SHIPYARD, config

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


def test_the_commit_is_told_with_whether_files_differ_from_it(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        named = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", *words]
        return subprocess.check_output(named, cwd=tmp_path, text=True).strip()

    nothing = commit(tmp_path)
    git("init", "--quiet")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    git("tag", "v1")
    clean = commit(tmp_path)
    (tmp_path / "file").write_text("two")

    head = git("rev-parse", "HEAD")
    assert (nothing, clean, commit(tmp_path)) == (None, head, f"{head}-dirty")


def test_images_are_told_by_digest_and_what_is_not_there_is_left_out() -> None:
    with moto.mock_aws():
        registry = aws_account.client("ecr")
        registry.create_repository(repositoryName="shipyard")
        media = "application/vnd.oci.image.manifest.v1+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "config": {}, "layers": []})
        put = registry.put_image(repositoryName="shipyard", imageTag="web-1", imageManifest=manifest)
        chosen = config("staging")
        chosen = replace(
            chosen,
            environment=chosen.environment.model_copy(update={"account": ACCOUNT_ID, "images": Images()}),
        )
        aws = connect(
            aws_account.REGION, environ={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        )
        there = Context(SHIPYARD, chosen, aws, new_reporter(lambda event: None), None)

        found = digests(there, {"web": "web-1", "gone": "gone-1"})

    assert found == {"web": put["image"]["imageId"]["imageDigest"]}


def test_a_registry_that_may_not_be_asked_costs_no_record() -> None:
    script = aws_account.Script("ecr").refuses("describe_images", "AccessDeniedException")
    with script.account() as aws:
        there = Context(SHIPYARD, config("staging"), aws, new_reporter(lambda event: None), None)

        assert digests(there, {"web": "web-1"}) == {}
