"""Objects in a bucket, with the conditional writes that locks are made of; every write says what it relies on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.batches import batches
from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound

_LOST = frozenset({"PreconditionFailed", "412"})
_COLLIDED = frozenset({"ConditionalRequestConflict", "OperationAborted", "409"})
_COLLISIONS = 5


@dataclass(frozen=True)
class Object:
    """An object's content and the tag that changes with it (quoted, as S3 gives it)."""

    body: bytes
    etag: str


class Bucket:
    """One bucket. With `owner`, S3 refuses every call if the bucket is another account's (names are global)."""

    def __init__(self, name: str, client: Client, *, owner: str | None = None) -> None:
        self.name = name
        self._client = client
        self._own: Mapping[str, str] = {"ExpectedBucketOwner": owner} if owner else {}

    def exists(self) -> bool:
        """Say whether the bucket is there. Raises AwsError where it is not ours to see."""
        try:
            self._call("head_bucket")
        except NotFound:
            return False
        return True

    def get(self, key: str) -> Object | None:
        """Return an object, None where there is none. Raises NotFound where there is no bucket."""
        try:
            answer = self._call("get_object", Key=key)
        except NotFound as error:
            if error.code == "NoSuchBucket":
                raise
            return None
        return Object(answer["Body"].read(), answer["ETag"])

    def put(self, key: str, body: bytes) -> None:
        """Write an object, whatever was there."""
        self._call("put_object", Key=key, Body=body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Write an object unless there is one; say whether ours is there now (S3: `If-None-Match: *`)."""
        return self._put_where(key, body, {"IfNoneMatch": "*"})

    def put_if_match(self, key: str, body: bytes, etag: str) -> bool:
        """Replace the object that has this tag; say whether ours is there now (S3: `If-Match`)."""
        return self._put_where(key, body, {"IfMatch": etag})

    def delete(self, key: str) -> None:
        """Delete an object; none is fine."""
        self._call("delete_object", Key=key)

    def delete_if_match(self, key: str, etag: str) -> bool:
        """Delete the object that has this tag; say whether it did. None there counts as deleted."""
        try:
            self._call("delete_object", Key=key, IfMatch=etag)
        except NotFound as error:
            if error.code == "NoSuchBucket":
                raise
        except AwsError as error:
            if error.code in _LOST:
                return False
            raise
        return True

    def keys(self, prefix: str = "") -> tuple[str, ...]:
        """Return every key that begins with `prefix`, in S3's order (UTF-8 bytes)."""
        entries = self._client.items(
            "list_objects_v2", "Contents", Bucket=self.name, Prefix=prefix, **self._own
        )
        return tuple(entry["Key"] for entry in entries)

    def versions(self) -> int:
        """Return how many versions and delete markers there are; none where there is no bucket."""
        try:
            pages = self._client.pages("list_object_versions", Bucket=self.name, **self._own)
            return sum(len(page.get(key) or ()) for page in pages for key in ("Versions", "DeleteMarkers"))
        except NotFound:
            return 0

    def empty(self) -> int:
        """Delete every object, version, delete marker and unfinished upload; return how many versions there were."""
        for upload in self._client.items("list_multipart_uploads", "Uploads", Bucket=self.name, **self._own):
            self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        return self.purge("")

    def purge(self, prefix: str) -> int:
        """Delete every version and delete marker of what begins with `prefix`; return how many there were."""
        versions = [
            {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            for page in self._client.pages(
                "list_object_versions", Bucket=self.name, Prefix=prefix, **self._own
            )
            for entry in (*(page.get("Versions") or ()), *(page.get("DeleteMarkers") or ()))
        ]
        for batch in batches(versions, 1000):
            self._delete_versions(batch)
        return len(versions)

    def _delete_versions(self, batch: tuple[dict[str, str], ...]) -> None:
        answer = self._call("delete_objects", Delete={"Objects": list(batch), "Quiet": True})
        for failure in answer.get("Errors") or ():
            raise AwsError(
                f"could not delete {failure.get('Key')} from bucket {self.name}: {failure.get('Message')}",
                code=str(failure.get("Code", "")),
            )

    def _put_where(self, key: str, body: bytes, condition: Mapping[str, str]) -> bool:
        for _ in range(_COLLISIONS):
            try:
                self._call("put_object", Key=key, Body=body, **condition)
            except NotFound as error:
                if error.code == "NoSuchBucket":
                    raise
                return False
            except AwsError as error:
                if error.code in _COLLIDED:
                    continue
                if error.code in _LOST:
                    return self._holds(key, body)
                raise
            return True
        return self._holds(key, body)

    def _holds(self, key: str, body: bytes) -> bool:
        # A write whose answer was lost is sent again by botocore and then loses against itself.
        found = self.get(key)
        return found is not None and found.body == body

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._client.call(operation, Bucket=self.name, **self._own, **parameters)


class Buckets:
    """Where buckets come from."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("s3", make)

    def bucket(self, name: str, *, owner: str | None = None) -> Bucket:
        """Return a bucket by its name, without asking whether it is there."""
        return Bucket(name, self._client, owner=owner)

    def url(self, bucket: str, key: str) -> str:
        """Return the address by which CloudFormation reads an object (TemplateURL)."""
        address = self._client.endpoint
        if address.endswith(".amazonaws.com"):
            return address.replace("https://", f"https://{bucket}.") + f"/{key}"
        return f"{address}/{bucket}/{key}"
