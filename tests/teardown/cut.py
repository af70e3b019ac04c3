"""A wall whose process dies at one of its AWS calls: before it is sent, or when it is done and the answer is lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from infra.aws import Aws
from infra.aws.client import MakeClient


class Killed(BaseException):
    """The process is no more; nothing that it would still do happens."""


@dataclass
class Cut:
    """Makes clients that end at call number `at`, counted over all of them, or at the operation called `upon`.

    `lost`: that call is made all the same.
    """

    make: MakeClient
    at: int
    lost: bool = False
    upon: str = "nothing"
    died: bool = False
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, service: str) -> Any:
        """Return a client of a service, watched."""
        client = self.make(service)
        client.meta.events.register("before-send", self._before)
        client.meta.events.register("after-call", self._after)
        return client

    def aws(self) -> Aws:
        """Return the wall."""
        return Aws(self)

    def _before(self, event_name: str = "", **event: Any) -> None:
        with self.lock:
            self.calls += 1
            here = (self.calls == self.at and not self.lost) or event_name.endswith(f".{self.upon}")
            self.died = self.died or here or self.calls > self.at
        if self.died:
            raise Killed

    def _after(self, **event: Any) -> None:
        if self.died or self.calls >= self.at:
            self.died = True
            raise Killed
