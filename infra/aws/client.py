"""One lazy boto3 client: made at its first call, safe to share between threads, its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from infra.aws.failures import in_our_words

MakeClient = Callable[[str], Any]


class Client:
    """Calls one AWS service. `make` gets botocore's name of the service, e.g. `ecs`, and returns a boto3 client."""

    def __init__(self, service: str, make: MakeClient) -> None:
        self.service = service
        self._make = make
        self._made: Any = None
        self._lock = threading.Lock()

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call one operation, e.g. `describe_stacks`. Raises AwsError, NotFound."""
        with in_our_words(self.service):
            answer: dict[str, Any] = getattr(self._boto(), operation)(**parameters)
            return answer

    def pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield each page of an operation that botocore can page. Raises AwsError, NotFound."""
        with in_our_words(self.service):
            yield from self._boto().get_paginator(operation).paginate(**parameters)

    def items(self, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Yield the entries under `key` of all pages. Raises AwsError, NotFound."""
        for page in self.pages(operation, **parameters):
            yield from page.get(key) or ()

    def all_items(self, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Yield the entries under `key` of all pages, or of the one answer of an operation that has no pages."""
        with in_our_words(self.service):
            paged = self._boto().can_paginate(operation)
        yield from (
            self.items(operation, key, **parameters) if paged else self.call(operation, **parameters)[key]
        )

    @property
    def endpoint(self) -> str:
        """The address that calls go to."""
        with in_our_words(self.service):
            return str(self._boto().meta.endpoint_url)

    def _boto(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make(self.service)
            return self._made
