"""The state bucket: who holds an environment's lock, and what each deploy left behind."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from infra.aws.s3 import Bucket
from infra.errors import AwsError, EstaleiroError, Locked

RENEW_SECONDS = 15.0


@dataclass(frozen=True)
class Owner:
    """Who holds the lock. `renewed` and `since` are seconds since the epoch on the owner's own clock."""

    id: str
    who: str
    host: str
    pid: int
    command: str
    since: float
    renewed: float = 0.0

    @property
    def sentence(self) -> str:
        """One line for whoever finds the lock taken."""
        since = datetime.fromtimestamp(self.since, UTC).strftime("%H:%M:%S UTC")
        return f"{self.who}@{self.host} has been running `{self.command}` since {since}"


class Lock:
    """One environment's lock: taken by a conditional put, renewed while it lives, released by its owner alone.

    `is_gone` says of another owner whether it is known to have ended; `note` is told who is waited for; `lifetime` is
    in seconds.
    """

    def __init__(  # noqa: PLR0913  (who waits, for what, and what tests need; all but three by keyword)
        self,
        bucket: Bucket,
        environment: str,
        owner: Owner,
        *,
        lifetime: float,
        is_gone: Callable[[Owner], bool] = lambda owner: False,
        note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket = bucket
        self._key = f"locks/{environment}.json"
        self._environment = environment
        self._owner = owner
        self._lifetime = lifetime
        self._is_gone = is_gone
        self._note = note
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def held(self, *, wait_seconds: float = 0) -> Iterator[None]:
        """Hold the lock for the block; a silent owner is waited for, a living one for `wait_seconds`.

        Raises Locked when somebody else holds it.
        """
        self._take(wait_seconds)
        ended = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(ended,), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            ended.set()
            renewal.join()
            self._let_go()

    def holder(self) -> Owner | None:
        """Return who holds the lock now."""
        found = self._bucket.get(self._key)
        return None if found is None else Owner(**json.loads(found.body))

    def _take(self, wait_seconds: float) -> None:
        """The other's clock only hints that it lives; that it is silent is seen by our own watching."""
        began = self._clock()
        watched, since = "", began
        while not self._bucket.put_if_absent(self._key, self._body()):
            found = self._bucket.get(self._key)
            if found is None:
                continue
            other, now = Owner(**json.loads(found.body)), self._clock()
            if found.etag != watched:
                alive = watched != "" or abs(now - other.renewed) <= 2 * RENEW_SECONDS
                watched, since = found.etag, now
                if self._is_gone(other):
                    alive, since = False, now - self._lifetime
                if alive and now - began >= wait_seconds:
                    raise self._taken(other)
                self._note(
                    f"waiting for {'the' if alive else 'the silent'} owner of the lock: {other.sentence}"
                )
            if now - since >= self._lifetime and self._bucket.put_if_match(
                self._key, self._body(), found.etag
            ):
                return
            if wait_seconds and now - began >= wait_seconds and now - since < 2 * RENEW_SECONDS:
                raise self._taken(other)
            self._sleep(1.0)

    def _taken(self, other: Owner) -> Locked:
        return Locked(
            f"{self._environment} is locked: {other.sentence}; "
            "wait for it to end; `deploy --lock-wait SECONDS` does that by itself"
        )

    def _renew(self, ended: threading.Event) -> None:
        """A call that fails costs one turn: the lock outlives three of them, and the work goes on under it."""
        while not ended.wait(RENEW_SECONDS):
            with suppress(AwsError):
                found = self._bucket.get(self._key)
                if found is not None and self._is_ours(found.body):
                    self._bucket.put_if_match(self._key, self._body(), found.etag)

    def _let_go(self) -> None:
        """What the work came to is told, whether the lock could be released or not: it ends by itself."""
        try:
            self._release()
        except AwsError as error:
            self._note(f"it could not be released, and ends by itself in {self._lifetime:g} s: {error}")

    def _release(self) -> None:
        found = self._bucket.get(self._key)
        if found is not None and self._is_ours(found.body):
            self._bucket.delete_if_match(self._key, found.etag)

    def _is_ours(self, body: bytes) -> bool:
        return bool(json.loads(body)["id"] == self._owner.id)

    def _body(self) -> bytes:
        return json.dumps(asdict(self._owner) | {"renewed": self._clock()}).encode()


class Releases:
    """The record of every deploy of an environment, newest last; ids sort by time."""

    def __init__(self, bucket: Bucket, environment: str) -> None:
        self._bucket = bucket
        self._prefix = f"releases/{environment}/"

    def write(self, release: str, record: Mapping[str, Any]) -> None:
        """Store a record; the same id again replaces it."""
        self._bucket.put(
            f"{self._prefix}{release}.json", json.dumps(record, indent=1, sort_keys=True).encode()
        )

    def read(self, release: str) -> dict[str, Any]:
        """Return a record. Raises EstaleiroError when there is none."""
        found = self._bucket.get(f"{self._prefix}{release}.json")
        if found is None:
            raise EstaleiroError(f"there is no release {release!r}; `releases` lists those that there are")
        record: dict[str, Any] = json.loads(found.body)
        return record

    def all(self) -> list[dict[str, Any]]:
        """Return every record, oldest first."""
        return [self.read(release) for release in self.ids()]

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all records, oldest first."""
        keys = self._bucket.keys(self._prefix)
        return tuple(sorted(key.removeprefix(self._prefix).removesuffix(".json") for key in keys))
