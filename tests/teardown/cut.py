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
    """Makes clients that end at call number `at`, counted over all of them; `lost`: that call is made all the same."""

    make: MakeClient
    at: int
    lost: bool
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

    def _before(self, **event: Any) -> None:
        with self.lock:
            self.calls += 1
            dead = self.calls > self.at or (self.calls == self.at and not self.lost)
        if dead:
            raise Killed

    def _after(self, **event: Any) -> None:
        if self.calls >= self.at:
            raise Killed
