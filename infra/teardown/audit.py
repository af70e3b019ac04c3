"""What is left of an environment, by tag, by recorded id and by name, over every kind that we make anything of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.aws.census import KINDS, Found, last_part
from infra.config import Config
from infra.teardown.inventory import Inventory, Owner

TAGGED = "it carries the environment's tag"
RECORDED = "a stack of the environment made it"
NAMED = "it has the environment's name but not its tag, so teardown does not touch it: delete it by hand if it is yours"
PROOF = "it proves the environment's domain to ACM"
PUBLIC_NAME = (
    "it is the environment's public name, and no stack has it any more: delete it by hand if it leads nowhere"
)


@dataclass(frozen=True)
class Leftover:
    """Something that is still there, and how we know that it is the environment's."""

    kind: str
    id: str
    name: str
    why: str


@dataclass(frozen=True)
class Audit:
    """The proof: `checked` things of `kinds` kinds were looked at, and these are left."""

    checked: int
    kinds: int
    leftovers: tuple[Leftover, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not self.leftovers


def audit(config: Config, inventory: Inventory) -> Audit:
    """Return what is left; snapshots that the configuration wants kept do not count."""
    left = tuple(_leftovers(config, inventory))
    return Audit(len(inventory.found) + len(inventory.records), len(KINDS) + 1, left)


def _leftovers(config: Config, inventory: Inventory) -> Iterator[Leftover]:
    owner = Owner(config.environment.project, inventory.environment, inventory.neighbours)
    for one in inventory.found:
        if one.kind == "database snapshot" and config.environment.database.final_snapshot:
            continue
        why = _why(inventory, owner, one)
        if why:
            state = f"{why} ({one.detail})" if one.detail else why
            yield Leftover(one.kind, one.id, one.name, state)
    for record in inventory.records:
        yield Leftover("DNS record", record.name, record.name, PROOF if record.proof else PUBLIC_NAME)


def _why(inventory: Inventory, owner: Owner, one: Found) -> str | None:
    if owner.foreign(one):
        return None
    if owner.tagged(one):
        return TAGGED
    if one.id in inventory.recorded or last_part(one.id) in inventory.recorded:
        return RECORDED
    return NAMED if owner.named(one) else None
