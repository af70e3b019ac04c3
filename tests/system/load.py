"""A load generator: several clients that ask the gateway again and again, and keep every answer that was not good."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """Clients for the time of a block. Half of them keep their connection, half make a new one for each request."""

    port: int
    path: str
    clients: int = 4
    pause: float = 0.02
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0,), daemon=True)
            for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def until(self, count: int, *, seconds: float) -> None:
        """Go on until so many requests were sent."""
        deadline = time.monotonic() + seconds
        while self.sent < count and time.monotonic() < deadline:
            time.sleep(0.2)

    def _ask(self, keeps: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self._over.wait(self.pause):
            failure = ""
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body = answer.read()
                failure = "" if answer.status == 200 else f"{answer.status} {body[:200]!r}"
            except (OSError, http.client.HTTPException) as error:
                failure = f"{type(error).__name__}: {error}"
            if failure or not keeps:
                connection.close()
            with self._lock:
                self.sent += 1
                if failure:
                    self.failures.append(f"{time.strftime('%H:%M:%S')} {failure}")
        connection.close()
