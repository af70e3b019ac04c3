"""Secret values, in and out; a value is returned and stored, never logged, shown or put into an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient
from infra.errors import AwsError, NotFound


@dataclass(frozen=True)
class Secret:
    """A secret without its value. `deleted`: since when it waits for its end."""

    name: str
    arn: str
    tags: dict[str, str] = field(default_factory=dict)
    deleted: datetime | None = None


class Secrets:
    """Secrets Manager. A secret that waits for its deletion counts as absent."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("secretsmanager", make)

    def value(self, name_or_arn: str) -> str:
        """Return the current value. Raises NotFound where there is no secret or it has no value."""
        try:
            answer = self._client.call("get_secret_value", SecretId=name_or_arn)
        except NotFound as error:
            raise NotFound(
                f"secret {name_or_arn} has no value; set one with `secrets set`", code=error.code
            ) from error
        except AwsError as error:
            if not _is_going(error):
                raise
            raise NotFound(
                f"secret {name_or_arn} is deleted; set it again with `secrets set`", code=error.code
            ) from error
        if "SecretString" not in answer:
            raise AwsError(f"secret {name_or_arn} holds bytes, not text; set it again with `secrets set`")
        return str(answer["SecretString"])

    def put(self, name: str, value: str, tags: Mapping[str, str]) -> None:
        """Store a value under a name that may be new, there already, or waiting for its deletion."""
        if not value:
            raise AwsError(f"secret {name} would be empty; give it a value")
        try:
            self._client.call("put_secret_value", SecretId=name, SecretString=value)
        except NotFound:
            self._client.call("create_secret", Name=name, SecretString=value, Tags=spelling.to_aws(tags))
            return
        except AwsError as error:
            if not _is_going(error):
                raise
            self._client.call("restore_secret", SecretId=name)
            self._client.call("put_secret_value", SecretId=name, SecretString=value)
        if tags:
            self._client.call("tag_resource", SecretId=name, Tags=spelling.to_aws(tags))

    def exists(self, name_or_arn: str) -> bool:
        """Say whether there is such a secret, with or without a value."""
        try:
            answer = self._client.call("describe_secret", SecretId=name_or_arn)
        except NotFound:
            return False
        return not answer.get("DeletedDate")

    def delete(self, name_or_arn: str, force: bool = True) -> None:
        """Delete a secret; none is fine. Forced, its name is free at once; else it can be restored for 30 days."""
        more = {"ForceDeleteWithoutRecovery": True} if force else {"RecoveryWindowInDays": 30}
        try:
            self._client.call("delete_secret", SecretId=name_or_arn, **more)
        except NotFound:
            return

    def list(self, tag: tuple[str, str]) -> tuple[Secret, ...]:
        """Return the secrets that carry exactly this tag (key, value), those on their way out as well, by name."""
        key, value = tag
        # The filters match beginnings of keys and values (ListSecrets), hence the second look.
        found = self._client.items(
            "list_secrets",
            "SecretList",
            IncludePlannedDeletion=True,
            Filters=[{"Key": "tag-key", "Values": [key]}, {"Key": "tag-value", "Values": [value]}],
        )
        secrets = (
            Secret(
                entry["Name"], entry["ARN"], spelling.from_aws(entry.get("Tags")), entry.get("DeletedDate")
            )
            for entry in found
        )
        return tuple(
            sorted((secret for secret in secrets if secret.tags.get(key) == value), key=lambda one: one.name)
        )


def _is_going(error: AwsError) -> bool:
    # "... because it was marked for deletion", "... is already scheduled for deletion".
    return error.code == "InvalidRequestException" and "delet" in str(error).lower()
