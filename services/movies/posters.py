"""What makes an upload a poster: it is there, it is a picture of the kind it says, and it is kept under a key of its own."""

import logging
import secrets
from collections.abc import Callable

from chassis.bucket import UPLOADS, Bucket, BucketUnavailable, Form, Stored

MOST = 2 * 1024 * 1024  # bytes
UPLOAD_SECONDS = 600
FETCH_SECONDS = 900
KEPT = "posters/"

# How each kind of picture begins; what somebody says of a file is not what it is.
BEGINNINGS: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda begun: begun.startswith(b"\xff\xd8\xff"),
    "image/png": lambda begun: begun.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda begun: begun.startswith(b"RIFF") and begun[8:12] == b"WEBP",
}

log = logging.getLogger("movies.posters")


class NotAPosterError(Exception):
    """The upload cannot be a poster; the message says why."""


def new_key(movie_id: int) -> str:
    """Return a key for an upload that nobody can guess."""
    return f"{UPLOADS}{movie_id}/{secrets.token_hex(16)}"


async def form(bucket: Bucket, key: str, content_type: str) -> Form:
    return await bucket.form(key, content_type=content_type, most=MOST, seconds=UPLOAD_SECONDS)


async def accept(bucket: Bucket, key: str) -> str:
    """Keep an upload as a poster; return its new key, which no other call has returned: what one that fails then removes
    must not be what another has made the poster. Raises NotAPosterError and BucketUnavailable.
    """
    stored = await bucket.look(key)
    if stored is None:
        raise NotAPosterError("nothing was uploaded with this key")
    if why := fault(stored):
        raise NotAPosterError(why)
    movie = key.removeprefix(UPLOADS).partition("/")[0]
    kept = f"{KEPT}{movie}/{secrets.token_hex(16)}"
    if not await bucket.copy(key, kept, etag=stored.etag):
        raise NotAPosterError("the upload was changed while it was looked at")
    return kept


def fault(stored: Stored) -> str | None:
    """Say what keeps an object from being a poster."""
    if stored.size > MOST:
        return f"the picture has {stored.size} bytes; {MOST} are allowed"
    looks_right = BEGINNINGS.get(stored.content_type)
    if looks_right is None:
        return f"{stored.content_type} is no kind of picture that is shown here"
    return None if looks_right(stored.beginning) else f"the file is not {stored.content_type}"


async def forget(bucket: Bucket, key: str) -> None:
    """Remove a poster that no movie has any more; one that stays costs a little room, and no request."""
    try:
        await bucket.remove(key)
    except BucketUnavailable as error:
        log.warning("the poster %s stays in the bucket: %s", key, error)
