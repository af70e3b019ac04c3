"""`AWS::S3::Bucket`: MiniStack's handler, and what it drops, put there by S3's own calls; a bucket with
objects is not deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, register
from infra.local.cloudformation.stock import Stock, stock
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    register("AWS::S3::Bucket", Bucket(stock("AWS::S3::Bucket").entry, frozenset(_BY_CALL), _complete))


class Bucket(Stock):
    """A bucket of a stack."""

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchBucket"):
            api.call("s3", "DeleteBucket", Bucket=existing.physical_id)
        super().delete(existing)


def _complete(made: Made, properties: dict[str, Any]) -> Made:
    """Bring every configuration to what the template says; one that it does not name is removed."""
    for name, (put, values, delete) in _BY_CALL.items():
        if name in properties:
            api.call("s3", put, Bucket=made.physical_id, **values(properties[name]))
        elif delete is not None:
            with api.gone("ServerSideEncryptionConfigurationNotFoundError", "OwnershipControlsNotFoundError"):
                api.call("s3", delete, Bucket=made.physical_id)
    attributes = dict(made.attributes) | {
        "DualStackDomainName": f"{made.physical_id}.s3.dualstack.amazonaws.com"
    }
    return Made(made.physical_id, attributes)


def _encryption(value: dict[str, Any]) -> dict[str, Any]:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        default = dict(rule.get("ServerSideEncryptionByDefault", {}))
        rules.append(
            _typed(
                "ServerSideEncryptionRule",
                api.without(rule, "ServerSideEncryptionByDefault")
                | {"ApplyServerSideEncryptionByDefault": default},
            )
        )
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def _lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": [_rule(rule) for rule in value["Rules"]]}}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation spells a rule flat where the API nests it."""
    known = {"ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker", "NoncurrentVersionExpirationInDays",
             "Prefix", "TagFilters", "Transitions", "NoncurrentVersionTransitions", "Id", "ObjectSizeGreaterThan",
             "ObjectSizeLessThan"}  # fmt: skip
    made = api.without(rule, *known)
    made |= {"ID": rule["Id"]} if "Id" in rule else {}
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    expiration = {key: item for key, item in expiration.items() if item is not None}
    made |= {"Expiration": expiration} if expiration else {}
    if "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    made |= {"Filter": _filter(rule)}
    for name, days in (("Transitions", "Days"), ("NoncurrentVersionTransitions", "NoncurrentDays")):
        if name in rule:
            made[name] = [_transition(each, days) for each in rule[name]]
    return _typed("LifecycleRule", made)


def _filter(rule: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        key: rule[key] for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if key in rule
    }
    parts |= {"Prefix": rule["Prefix"]} if "Prefix" in rule else {}
    tags = rule.get("TagFilters", [])
    if len(parts) + len(tags) > 1:
        return {"And": parts | ({"Tags": tags} if tags else {})}
    return {"Tag": tags[0]} if tags else parts or {"Prefix": ""}


def _transition(transition: dict[str, Any], days: str) -> dict[str, Any]:
    made = api.without(transition, "TransitionInDays", "TransitionDate")
    made |= {days: transition["TransitionInDays"]} if "TransitionInDays" in transition else {}
    return made | ({"Date": transition["TransitionDate"]} if "TransitionDate" in transition else {})


def _typed(shape: str, value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = api.shaped(api.client("s3").meta.service_model.shape_for(shape), value, shape)
    return found


Values = Callable[[Any], dict[str, Any]]

_BY_CALL: dict[str, tuple[str, Values, str | None]] = {
    "BucketEncryption": ("PutBucketEncryption", _encryption, "DeleteBucketEncryption"),
    "LifecycleConfiguration": ("PutBucketLifecycleConfiguration", _lifecycle, "DeleteBucketLifecycle"),
    "OwnershipControls": (
        "PutBucketOwnershipControls", lambda value: {"OwnershipControls": value}, "DeleteBucketOwnershipControls"
    ),
    "VersioningConfiguration": (
        "PutBucketVersioning", lambda value: {"VersioningConfiguration": {"Status": value["Status"]}}, None
    ),
    "Tags": ("PutBucketTagging", lambda value: {"Tagging": {"TagSet": value}}, "DeleteBucketTagging"),
}  # fmt: skip
