"""A service's own S3 bucket. What clients send and fetch goes between them and S3, by addresses that are signed here.

What lies under `uploads/` is gone after a day (the bucket's lifecycle): a service looks at it, and keeps what it
accepts elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from chassis.aws import AwsError, Client
from chassis.settings import BucketSettings, ProcessSettings

UPLOADS = "uploads/"
BEGINNING = 16  # bytes: enough to tell one kind of picture from another

_MISSING = frozenset({"NoSuchKey", "404", "InvalidRange", "PreconditionFailed"})


class BucketUnavailable(Exception):
    """S3 did not do what was asked; the message says why."""


class _Missing(BucketUnavailable):
    """There is no such object, or it is no longer the one that was meant."""


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

    async def open(self) -> None:
        """Make the clients before the first request does."""
        await self._inside.open()
        await self._outside.open()

    async def close(self) -> None:
        """Close the connections to S3."""
        await self._inside.close()
        await self._outside.close()

    async def form(self, key: str, *, content_type: str, most: int, seconds: int) -> Form:
        """Return a form that puts one object of this type, of 1 to `most` bytes, at `key`, and nothing else."""
        async with self._use(self._outside) as s3:
            made = await s3.generate_presigned_post(
                self.name,
                key,
                Fields={"Content-Type": content_type},
                Conditions=[{"Content-Type": content_type}, ["content-length-range", 1, most]],
                ExpiresIn=seconds,
            )
        return Form(made["url"], made["fields"])

    async def address(self, key: str, *, seconds: int) -> str:
        """Return an address from which the object can be fetched for so long."""
        parameters = {"Bucket": self.name, "Key": key}
        async with self._use(self._outside) as s3:
            return str(await s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))

    async def look(self, key: str) -> Stored | None:
        """Return what is stored at `key`, None where nothing is."""
        try:
            async with self._use(self._inside) as s3:
                found = await s3.get_object(Bucket=self.name, Key=key, Range=f"bytes=0-{BEGINNING - 1}")
                async with found["Body"] as body:
                    beginning = await body.read()
        except _Missing:
            return None
        size = int(found["ContentRange"].rpartition("/")[2])
        return Stored(size, found["ContentType"], found["ETag"], beginning)

    async def copy(self, source: str, target: str, *, etag: str) -> bool:
        """Copy an object as it was when it had this entity tag; say whether it still had."""
        origin = {"Bucket": self.name, "Key": source}
        try:
            async with self._use(self._inside) as s3:
                await s3.copy_object(Bucket=self.name, Key=target, CopySource=origin, CopySourceIfMatch=etag)
        except _Missing:
            return False
        return True

    async def remove(self, key: str) -> None:
        """Remove the object, if there is one."""
        async with self._use(self._inside) as s3:
            await s3.delete_object(Bucket=self.name, Key=key)

    @asynccontextmanager
    async def _use(self, client: Client) -> AsyncIterator[Any]:
        try:
            async with client.use() as s3:
                yield s3
        except AwsError as error:
            if error.code in _MISSING:
                raise _Missing(f"the bucket {self.name} does not have it: {error}") from error
            raise BucketUnavailable(f"the bucket {self.name} cannot be used: {error}") from error


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


def _client(region: str, endpoint: str | None) -> Client:
    # AWS answers for a bucket under its own name; an endpoint of somebody else's has names for itself alone.
    style = "path" if endpoint else "virtual"
    options = {"signature_version": "s3v4", "s3": {"addressing_style": style}}
    return Client("s3", region=region, endpoint=endpoint, options=options)
