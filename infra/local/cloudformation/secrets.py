"""Secrets Manager: a secret's `Ref` is its ARN, its random value follows every option, and rotation can be
scheduled."""

from __future__ import annotations

import json
from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    register("AWS::SecretsManager::Secret", Secret())
    register("AWS::SecretsManager::RotationSchedule", RotationSchedule())


class Secret:
    """`AWS::SecretsManager::Secret`."""

    def create(self, wanted: Wanted) -> Made:
        values = wanted.properties
        known = api.without(values, "GenerateSecretString", "ReplicaRegions", "Type")
        known |= {"AddReplicaRegions": values["ReplicaRegions"]} if "ReplicaRegions" in values else {}
        known |= {"Name": values.get("Name") or wanted.name(512), "SecretString": _value(values)}
        arn = api.send("secretsmanager", "CreateSecret", known)["ARN"]
        return Made(arn, {"Id": arn})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        """A changed `GenerateSecretString` makes a new value, as on AWS; an unchanged one leaves it alone."""
        old, new = existing.properties, wanted.properties
        values: dict[str, Any] = {"SecretId": existing.physical_id, "Description": new.get("Description", "")}
        values |= {"KmsKeyId": new["KmsKeyId"]} if "KmsKeyId" in new else {}
        if any(old.get(key) != new.get(key) for key in ("SecretString", "GenerateSecretString")):
            values["SecretString"] = _value(new)
        api.send("secretsmanager", "UpdateSecret", values)
        removed, changed = api.tag_changes(old.get("Tags"), new.get("Tags"))
        if removed:
            api.call("secretsmanager", "UntagResource", SecretId=existing.physical_id, TagKeys=removed)
        if changed:
            api.call("secretsmanager", "TagResource", SecretId=existing.physical_id, Tags=changed)
        return Made(existing.physical_id, {"Id": existing.physical_id})

    def delete(self, existing: Existing) -> None:
        with api.gone("ResourceNotFoundException"):
            api.call(
                "secretsmanager",
                "DeleteSecret",
                SecretId=existing.physical_id,
                ForceDeleteWithoutRecovery=True,
            )


def _value(properties: dict[str, Any]) -> str:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-secretsmanager-secret-generatesecretstring.html"""
    if "GenerateSecretString" not in properties:
        return str(properties.get("SecretString", ""))
    asked = properties["GenerateSecretString"]
    options = api.without(asked, "SecretStringTemplate", "GenerateStringKey")
    drawn = str(api.send("secretsmanager", "GetRandomPassword", options)["RandomPassword"])
    if "SecretStringTemplate" not in asked:
        return drawn
    return json.dumps(json.loads(asked["SecretStringTemplate"]) | {asked["GenerateStringKey"]: drawn})


class RotationSchedule:
    """`AWS::SecretsManager::RotationSchedule`: kept with the secret; nothing rotates on one machine."""

    def create(self, wanted: Wanted) -> Made:
        values = api.without(wanted.properties, "RotateImmediatelyOnUpdate", "HostedRotationLambda")
        api.send("secretsmanager", "RotateSecret", values | {"RotateImmediately": False})
        return Made(str(wanted.properties["SecretId"]), {"Id": wanted.properties["SecretId"]})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        with api.gone("ResourceNotFoundException", "InvalidRequestException"):
            api.call("secretsmanager", "CancelRotateSecret", SecretId=existing.properties["SecretId"])
