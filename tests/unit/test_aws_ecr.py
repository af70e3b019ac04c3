"""Images in the registry, and how Docker signs in to it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.aws import Aws, connect
from infra.errors import AwsError
from tests import aws_account
from tests.aws_account import REGION, Script

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        aws_account.client("ecr", region_name=REGION).create_repository(repositoryName="yard")
        yield connect(REGION, environ={})


def test_an_image_is_there_once_it_is_pushed(aws: Aws) -> None:
    before = aws.ecr.has_image("yard", "movies-1")
    pushed("movies-1")

    assert (before, aws.ecr.has_image("yard", "movies-1"), aws.ecr.has_image("yard", "movies-2")) == (
        False,
        True,
        False,
    )


def test_no_repository_has_no_images(aws: Aws) -> None:
    assert (aws.ecr.has_image("absent", "movies-1"), aws.ecr.images("absent")) == (False, ())


def test_an_image_is_described_by_its_digest_and_tags(aws: Aws) -> None:
    digest = pushed("movies-1")

    image = aws.ecr.image("yard", "movies-1")

    assert image is not None
    assert (image.digest, image.tags) == (digest, ("movies-1",))
    assert aws.ecr.images("yard") == (image,)


def test_the_registry_of_another_account_is_asked() -> None:
    asked = {"repositoryName": "yard", "imageIds": [{"imageTag": "movies-1"}], "registryId": "111122223333"}
    script = Script("ecr").answers(
        "describe_images", {"imageDetails": [{"imageDigest": "sha256:1"}]}, asked=asked
    )

    with script.account() as aws:
        assert aws.ecr.has_image("yard", "movies-1", registry="111122223333")


def test_images_are_deleted_by_tag_and_absent_ones_are_fine(aws: Aws) -> None:
    pushed("movies-1")

    aws.ecr.delete_images("yard", ["movies-1", "movies-2"])

    assert not aws.ecr.has_image("yard", "movies-1")


def test_an_image_that_cannot_be_deleted_is_named() -> None:
    failure = {
        "imageId": {"imageTag": "movies-1"},
        "failureCode": "ImageReferencedByManifestList",
        "failureReason": "in use",
    }
    script = Script("ecr").answers("batch_delete_image", {"failures": [failure]})

    with (
        script.account() as aws,
        pytest.raises(AwsError, match="could not delete image yard:movies-1: in use"),
    ):
        aws.ecr.delete_images("yard", ["movies-1"])


def test_docker_signs_in_with_a_user_a_password_and_the_registrys_host() -> None:
    entry = {
        "authorizationToken": "QVdTOmh1c2g6aHVzaA==",
        "proxyEndpoint": "https://1.dkr.ecr.eu-west-1.amazonaws.com",
    }
    script = Script("ecr").answers("get_authorization_token", {"authorizationData": [entry]})

    with script.account() as aws:
        assert aws.ecr.authorization() == ("AWS", "hush:hush", "1.dkr.ecr.eu-west-1.amazonaws.com")


def pushed(tag: str) -> str:
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": f"sha256:{tag}"}, "layers": []}
    )
    answer = aws_account.client("ecr", region_name=REGION).put_image(
        repositoryName="yard", imageManifest=manifest, imageTag=tag
    )
    return str(answer["image"]["imageId"]["imageDigest"])
