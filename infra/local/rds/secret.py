"""The master user's secret that RDS manages: made with the instance, deleted with it."""

from __future__ import annotations

import json
import secrets
import string
import uuid
from typing import Any

from infra.local import persistence
from infra.local.rds.place import Record
from infra.local.rds.records import RdsError

ALPHABET = string.ascii_letters + string.digits + "!#$%&()*+,-.:;<=>?[]^_{|}~"
"""What RDS puts in a managed password: never `/`, `@`, `"` or a blank."""


def manage(record: Record, kms_key_id: str | None) -> None:
    """Draw a password, keep it in a new secret, and show the secret in the record."""
    record["_MasterUserPassword"] = "".join(secrets.choice(ALPHABET) for _ in range(28))
    answer = _call(
        "_create_secret",
        {
            "Name": f"rds!db-{uuid.uuid4()}",
            "Description": f"The secret associated with the primary RDS DB instance: {record['DBInstanceArn']}",
            "SecretString": json.dumps(
                {"username": record["MasterUsername"], "password": record["_MasterUserPassword"]}
            ),
            "Tags": [
                {"Key": "aws:rds:primaryDBInstanceArn", "Value": record["DBInstanceArn"]},
                {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
            ],
        }
        | ({"KmsKeyId": kms_key_id} if kms_key_id else {}),
    )
    record["MasterUserSecret"] = {"SecretArn": answer["ARN"], "SecretStatus": "active"}
    if kms_key_id:
        record["MasterUserSecret"]["KmsKeyId"] = kms_key_id


def forget(record: Record) -> None:
    """Delete the secret at once, as RDS does with the instance."""
    secret = record.pop("MasterUserSecret", None)
    if secret is not None:
        _call("_delete_secret", {"SecretId": secret["SecretArn"], "ForceDeleteWithoutRecovery": True})


def _call(function: str, values: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import secretsmanager

    status, _, body = getattr(secretsmanager, function)(values)
    persistence.touch("secretsmanager")
    answer: dict[str, Any] = json.loads(body)
    if status != 200 and function == "_create_secret":
        raise RdsError(
            "KMSKeyNotAccessibleFault", f"the master user's secret could not be made: {answer.get('message')}"
        )
    return answer
