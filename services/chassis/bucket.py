"""A service's own S3 bucket. What clients send and fetch goes between them and S3, by addresses that are signed here.

botocore is what Celery's transport brings already; its calls block, so they are made in threads. What lies under
`uploads/` is gone after a day (the bucket's lifecycle): a service looks at it, and keeps what it accepts elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from chassis.settings import BucketSettings, ProcessSettings

UPLOADS = "uploads/"
BEGINNING = 16  # bytes: enough to tell one kind of picture from another

_MISSING = frozenset({"NoSuchKey", "404", "InvalidRange", "PreconditionFailed"})

T = TypeVar("T")


class BucketUnavailable(Exception):
    """S3 did not do what was asked; the message says why."""


@dataclass(frozen=True)
class Form:
    """Where and with which fields a client posts a file (multipart/form-data, the file last, named `file`)."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Stored:
    """An object: its size in bytes, what its sender said it is, its entity tag, and its first bytes."""

    size: int
    content_type: str
    etag: str
    beginning: bytes


class Bucket:
    """One bucket. The addresses it signs are for whoever stands outside: `public_endpoint` where that differs."""

    def __init__(
        self, name: str, *, region: str, endpoint: str | None = None, public_endpoint: str | None = None
    ) -> None:
        self.name = name
        self._inside = _client(region, endpoint)
        self._outside = _client(region, public_endpoint or endpoint)

    async def form(self, key: str, *, content_type: str, most: int, seconds: int) -> Form:
        """Return a form that puts one object of this type, of 1 to `most` bytes, at `key`, and nothing else."""
        made = await self._call(
            lambda: self._outside.generate_presigned_post(
                self.name,
                key,
                Fields={"Content-Type": content_type},
                Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
                ExpiresIn=seconds,
            )
        )
        return Form(made["url"], made["fields"])

    async def address(self, key: str, *, seconds: int) -> str:
        """Return an address from which the object can be fetched for so long."""
        parameters = {"Bucket": self.name, "Key": key}
        return await self._call(
            lambda: str(
                self._outside.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
            )
        )

    async def look(self, key: str) -> Stored | None:
        """Return what is stored at `key`, None where nothing is."""

        def read() -> Stored:
            found = self._inside.get_object(Bucket=self.name, Key=key, Range=f"bytes=0-{BEGINNING - 1}")
            size = int(found["ContentRange"].rpartition("/")[2])
            return Stored(size, found["ContentType"], found["ETag"], found["Body"].read())

        return await self._call(read, missing=None)

    async def copy(self, source: str, target: str, *, etag: str) -> bool:
        """Copy an object as it was when it had this entity tag; say whether it still had."""

        def copy() -> bool:
            origin = {"Bucket": self.name, "Key": source}
            self._inside.copy_object(Bucket=self.name, Key=target, CopySource=origin, CopySourceIfMatch=etag)
            return True

        return await self._call(copy, missing=False)

    async def remove(self, key: str) -> None:
        """Remove the object, if there is one."""
        await self._call(lambda: self._inside.delete_object(Bucket=self.name, Key=key))

    async def _call(self, work: Callable[[], T], *, missing: Any = ...) -> T:
        try:
            return await asyncio.to_thread(work)
        except ClientError as error:
            if missing is not ... and error.response["Error"]["Code"] in _MISSING:
                return missing
            raise BucketUnavailable(f"the bucket {self.name} refused: {error}") from error
        except BotoCoreError as error:
            raise BucketUnavailable(f"the bucket {self.name} cannot be reached: {error}") from error


def bucket(settings: Any) -> Bucket:
    """Return the bucket of settings that are ProcessSettings and BucketSettings."""
    process: ProcessSettings = settings
    own: BucketSettings = settings
    return Bucket(
        own.bucket,
        region=process.aws_region,
        endpoint=process.aws_endpoint_url,
        public_endpoint=own.aws_public_endpoint_url,
    )


def _client(region: str, endpoint: str | None) -> Any:
    # AWS answers for a bucket under its own name; an endpoint of somebody else's has names for itself alone.
    style = "path" if endpoint else "virtual"
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": style},
        connect_timeout=2,
        read_timeout=5,
        retries={"total_max_attempts": 2},
    )
    return get_session().create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
