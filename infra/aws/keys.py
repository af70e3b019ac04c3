"""KMS keys: one that goes waits at least a week, in which it can be had back; it costs nothing then."""

from __future__ import annotations

from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound

WAITING_DAYS = 7  # the least that KMS takes


class Keys:
    """Key Management Service."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("kms", make)

    def delete(self, key: str) -> None:
        """Let a key go, by id or ARN; none, or one that is going, is fine."""
        try:
            self._client.call("schedule_key_deletion", KeyId=key, PendingWindowInDays=WAITING_DAYS)
        except NotFound:
            return
        except AwsError as error:
            # "... is pending deletion.": what it is called in any state that does not allow the call.
            if error.code != "KMSInvalidStateException":
                raise
