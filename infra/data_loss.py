"""Which changes of resources lose data: decided by type and by what happens to the resource. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from infra.differences import ResourceChange

# Types whose loss loses data.
STATEFUL = frozenset(
    {
        "AWS::RDS::DBInstance",
        "AWS::S3::Bucket",
        "AWS::SQS::Queue",
        "AWS::SecretsManager::Secret",
        "AWS::ECR::Repository",
        "AWS::KMS::Key",
        "AWS::EC2::Volume",
        "AWS::Route53::HostedZone",
    }
)


def losses(changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """Return the changes that delete or replace something that holds data."""
    return tuple(
        change for change in changes if change.action in ("remove", "replace") and change.type in STATEFUL
    )
