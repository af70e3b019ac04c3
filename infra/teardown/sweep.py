"""What CloudFormation leaves behind and may be deleted: ours by exact tag, recorded id, or a name that we alone give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra import naming
from infra.aws.census import Found, last_part
from infra.config import Config
from infra.teardown.inventory import Inventory, Owner
from infra.teardown.steps import Step, Sweep

# Kinds that are deleted once no stack has them; everything else that is left is told, with the reason.
SWEPT = (
    "task definition",
    "log group",
    "secret",
    "key",
    "database snapshot",
    "network interface",
    "volume",
    "machine",
    "certificate",
)


def steps(
    config: Config, inventory: Inventory, owner: Owner, *, after: frozenset[str], images: bool
) -> Iterator[Step]:
    """Yield the sweeps that follow the stacks' deletion. `images`: whether those of this environment alone may go."""
    swept: dict[str, list[str]] = {}
    for one in _left(config, inventory, owner):
        swept.setdefault(one.kind, []).append(one.id)
    for kind, targets in swept.items():
        yield _sweep(kind, targets, after)
    proofs = [record for record in inventory.records if record.proof]
    for zone in sorted({record.zone for record in proofs}):
        bodies = [record.body for record in proofs if record.zone == zone]
        yield _sweep("DNS record", bodies, after, within=zone)
    if images and inventory.images:
        yield _sweep("image", inventory.images, after, within=naming.repository(config.environment.project))
    if inventory.notes:
        yield _sweep("record", inventory.notes, after)


def _sweep(kind: str, targets: Sequence[str], after: frozenset[str], *, within: str = "") -> Sweep:
    return Sweep(f"sweep {kind}s", after, kind=kind, targets=tuple(targets), within=within)


def _left(config: Config, inventory: Inventory, owner: Owner) -> Iterator[Found]:
    """What is ours, and no stack or group will take along."""
    in_stacks = _in_stacks(inventory)
    groups = {group.name for group in inventory.groups}
    for one in inventory.found:
        if one.kind not in SWEPT or owner.foreign(one) or not _mine(config, inventory, owner, one):
            continue
        goes_along = one.id in in_stacks or last_part(one.id) in in_stacks
        if goes_along and one.kind != "task definition":
            continue
        if one.tags.get("aws:autoscaling:groupName") in groups:
            continue
        if one.kind == "database snapshot" and config.environment.database.final_snapshot:
            continue
        yield one


def _mine(config: Config, inventory: Inventory, owner: Owner, one: Found) -> bool:
    if owner.tagged(one) or one.id in inventory.recorded or last_part(one.id) in inventory.recorded:
        return one.kind != "network interface" or one.detail in ("available", "")
    environment = config.environment
    if one.kind == "log group":
        return one.id in {
            naming.log_group(environment.project, environment.name, service.name)
            for service in config.services
        }
    return False


def _in_stacks(inventory: Inventory) -> frozenset[str]:
    return frozenset(
        id
        for stack in inventory.stacks.values()
        for resource in stack.resources
        for id in (resource.physical_id, last_part(resource.physical_id))
    )
