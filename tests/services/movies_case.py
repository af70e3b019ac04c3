"""The catalogue under test: the real application on a real PostgreSQL, its bucket in memory."""

from typing import Any

from chassis.bucket import BucketUnavailable, Form, Stored
from chassis.database import Database
from chassis.testing import ServiceTestCase, token, verifier
from chassis.web import Application
from movies.app import Dependencies, make_app

JAWS = {"title": "Jaws", "year": 1975, "director": "Steven Spielberg", "runtime_minutes": 124}
PNG = b"\x89PNG\r\n\x1a\n and the picture"


def writer() -> str:
    return token("movies:write", "movies")


class MemoryBucket:
    """chassis.bucket.Bucket without S3; `objects` is what it holds, `broken` makes it unreachable."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.forms: list[dict[str, Any]] = []
        self.broken = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def form(self, key: str, **conditions: Any) -> Form:
        self._answers()
        self.forms.append({"key": key, **conditions})
        return Form("https://bucket.example/", {"key": key, "Content-Type": conditions["content_type"]})

    async def address(self, key: str, *, seconds: int) -> str:
        self._answers()
        return f"https://bucket.example/{key}?expires={seconds}"

    async def look(self, key: str) -> Stored | None:
        self._answers()
        if key not in self.objects:
            return None
        kind, body = self.objects[key]
        return Stored(len(body), kind, f'"{hash(body)}"', body[:16])

    async def copy(self, source: str, target: str, *, etag: str) -> bool:
        self._answers()
        self.objects[target] = self.objects[source]
        return True

    async def remove(self, key: str) -> None:
        self._answers()
        self.objects.pop(key, None)

    def _answers(self) -> None:
        if self.broken:
            raise BucketUnavailable("the bucket cannot be reached")


class MoviesCase(ServiceTestCase):
    service = "movies"

    def make_app(self, database_url: Any) -> Application:
        self.bucket = MemoryBucket()
        return make_app(
            Dependencies(
                service="movies",
                database=Database(database_url),
                verifier=verifier("movies"),
                bucket=self.bucket,  # type: ignore[arg-type]
            )
        )

    def added(self, **changes: Any) -> dict[str, Any]:
        answer = self.call("POST", "/movies", {**JAWS, **changes}, token=writer())
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.json
        return found
