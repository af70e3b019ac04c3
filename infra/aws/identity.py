"""Who we are to AWS; asked once, since everything else depends on the answer."""

from __future__ import annotations

from infra.aws.client import Client, MakeClient


class Identity:
    """The account and the principal behind the credentials."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("sts", make)
        self._answer: dict[str, str] | None = None

    def account(self) -> str:
        """Return the account's twelve digits. Raises AwsError."""
        return self._caller()["Account"]

    def arn(self) -> str:
        """Return the principal's ARN. Raises AwsError."""
        return self._caller()["Arn"]

    def _caller(self) -> dict[str, str]:
        if self._answer is None:
            self._answer = self._client.call("get_caller_identity")
        return self._answer
