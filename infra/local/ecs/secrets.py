"""A container's secrets, resolved when its task starts; what cannot be resolved stops the task, named but never shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import secretsmanager, ssm

SECRET_ARN_FIELDS = 7


class SecretMissing(Exception):
    """A secret has no value; the text is ECS's, without the value of any secret."""


def resolve(container: Mapping[str, Any]) -> dict[str, str]:
    """Return value by variable name for the definition's `secrets`; raise `SecretMissing`."""
    return {item["name"]: _value(item["valueFrom"]) for item in container.get("secrets") or []}


def _value(reference: str) -> str:
    if ":secretsmanager:" in reference:
        return _secret(reference)
    found = ssm.resolve_parameter_value(reference, decrypt=True)
    if found is None:
        raise SecretMissing(
            "unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
            f"invalid parameters: {reference}"
        )
    return str(found)


def _secret(reference: str) -> str:
    """Read `arn[:json-key[:version-stage[:version-id]]]` (Specifying sensitive data using Secrets Manager)."""
    fields = reference.split(":")
    arn = ":".join(fields[:SECRET_ARN_FIELDS])
    key, stage, version = [*fields[SECRET_ARN_FIELDS:], "", "", ""][:3]
    text = secretsmanager.resolve_secret_string(arn, stage or "AWSCURRENT", version or None)
    if text is None:
        raise SecretMissing(
            "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret "
            f"{reference} from secrets manager: ResourceNotFoundException: "
            "Secrets Manager can't find the specified secret value"
        )
    return _field(text, key, reference) if key else str(text)


def _field(text: str, key: str, reference: str) -> str:
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise SecretMissing(
            f"retrieved secret from Secrets Manager did not contain json key {key}: {reference}"
        ) from error
    return value if isinstance(value, str) else json.dumps(value)
