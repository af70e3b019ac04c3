"""Accounts for the tests of infra.aws: moto's where moto tells the truth, scripted answers where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.stub import Stubber

from infra.aws import Aws, models

REGION = "eu-west-1"


def client(service: str, region_name: str = REGION, **more: Any) -> Any:
    """Return a boto3 client; the models of the services are parsed once for all tests."""
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return models.session(region_name=region_name).client(service, **credentials | more)  # type: ignore[call-overload]


class Script:
    """An account that gives exactly the scripted answers, in order, and checks what it is asked.

    `Script("ecs").answers("run_task", {...}, asked={...})`; the parameters are checked against AWS's own model.
    """

    def __init__(self, service: str) -> None:
        self.slept: list[float] = []
        self._service = service
        self._client = client(service, config=Config(retries={"total_max_attempts": 1}))
        self._stub = Stubber(self._client)

    def answers(
        self, operation: str, answer: dict[str, Any], *, asked: dict[str, Any] | None = None
    ) -> Script:
        self._stub.add_response(operation, answer, asked)
        return self

    def refuses(self, operation: str, code: str, message: str = "", *, status: int = 400) -> Script:
        self._stub.add_client_error(operation, code, message, http_status_code=status)
        return self

    @contextmanager
    def account(self) -> Iterator[Aws]:
        """Play the script to an account; at the end, every answer must have been asked for."""
        with self.played():
            yield Aws(self.client, sleep=self.slept.append)

    @contextmanager
    def played(self) -> Iterator[None]:
        with self._stub:
            yield
            self._stub.assert_no_pending_responses()

    def client(self, service: str) -> Any:
        assert service == self._service, f"the script is for {self._service}, not {service}"
        return self._client


class Clock:
    """A clock that only sleeping moves, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
