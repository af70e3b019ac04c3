"""CloudFormation's resource types: MiniStack's own handlers made strict, ours where it has none or drops what
a template says."""

from __future__ import annotations

from infra.local.cloudformation import (
    completions,
    connect,
    ec2,
    groups,
    iam,
    operations,
    registry,
    route53,
    s3,
    scaling,
    secrets,
    tags,
)
from infra.local.cloudformation.stock import Stock
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    """Register every type; a half that owns more types registers them in its own `install`, after this one."""
    from ministack.services.cloudformation import provisioners

    operations.install()
    for type_name, entry in list(provisioners._RESOURCE_HANDLERS.items()):
        if not type_name.startswith("AWS::CloudFormation::"):
            registry.register(type_name, Stock(entry))
    for family in (completions, connect, ec2, groups, iam, route53, s3, scaling, secrets, tags):
        family.install(settings)


async def start() -> None:
    """Nothing runs between requests."""


async def stop() -> None:
    """Nothing runs between requests."""
