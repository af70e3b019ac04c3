"""The registry: which images are there, and how Docker signs in to it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.aws.batches import batches
from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class ImageDetail:
    """One image. `size` in bytes, compressed, as pulled."""

    digest: str
    tags: tuple[str, ...]
    pushed: datetime | None
    size: int
    pulled: datetime | None = None


class Registry:
    """The ECR repositories of one account, or with `registry` (an account's digits) of another."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("ecr", make)

    def has_image(self, repository: str, tag: str, *, registry: str | None = None) -> bool:
        """Say whether the tag is there; no repository has no images."""
        return self.image(repository, tag, registry=registry) is not None

    def image(self, repository: str, tag: str, *, registry: str | None = None) -> ImageDetail | None:
        """Return an image, None where the tag or the repository is not there."""
        try:
            answer = self._client.call(
                "describe_images", repositoryName=repository, imageIds=[{"imageTag": tag}], **_of(registry)
            )
        except NotFound:
            return None
        found = answer.get("imageDetails") or ()
        return _detail(found[0]) if found else None

    def images(self, repository: str, *, registry: str | None = None) -> tuple[ImageDetail, ...]:
        """Return every image of a repository, oldest first; none where there is no repository."""
        try:
            pages = self._client.items(
                "describe_images", "imageDetails", repositoryName=repository, **_of(registry)
            )
            found = [_detail(entry) for entry in pages]
        except NotFound:
            return ()
        return tuple(
            sorted(found, key=lambda image: (image.pushed.timestamp() if image.pushed else 0.0, image.tags))
        )

    def delete_images(self, repository: str, tags: Iterable[str]) -> None:
        """Delete images by tag; those that are not there are fine."""
        # BatchDeleteImage takes 100 at a time.
        for batch in batches(tags, 100):
            answer = self._client.call(
                "batch_delete_image", repositoryName=repository, imageIds=[{"imageTag": tag} for tag in batch]
            )
            for failure in answer.get("failures") or ():
                if failure.get("failureCode") != "ImageNotFound":
                    raise AwsError(
                        f"could not delete image {repository}:{failure.get('imageId', {}).get('imageTag')}: "
                        f"{failure.get('failureReason')}",
                        code=str(failure.get("failureCode", "")),
                    )

    def authorization(self) -> tuple[str, str, str]:
        """Return user, password and the registry's host name; good for twelve hours."""
        entry = self._client.call("get_authorization_token")["authorizationData"][0]
        user, _, password = base64.b64decode(entry["authorizationToken"]).decode().partition(":")
        return user, password, str(entry["proxyEndpoint"]).split("://", 1)[-1].rstrip("/")


def _of(registry: str | None) -> dict[str, str]:
    return {"registryId": registry} if registry else {}


def _detail(entry: Mapping[str, Any]) -> ImageDetail:
    return ImageDetail(
        digest=entry["imageDigest"],
        tags=tuple(sorted(entry.get("imageTags") or ())),
        pushed=entry.get("imagePushedAt"),
        size=int(entry.get("imageSizeInBytes") or 0),
        pulled=entry.get("lastRecordedPullTime"),
    )
