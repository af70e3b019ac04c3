"""What a teardown sees, as frozen values, and whose each thing is. Pure: read by infra.teardown.look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra import naming
from infra.aws.autoscaling import Group
from infra.aws.census import Found
from infra.aws.cloudformation import StackResource
from infra.aws.ecs import Host, ServiceState, Task
from infra.aws.rds import DatabaseInstance


@dataclass(frozen=True)
class StackSeen:
    """A deployed stack. `sources`: the parts that feed it; `guarded`: termination protection is on; `snapshots`: its
    template takes a snapshot of a database that it deletes.
    """

    part: str
    name: str
    status: str
    guarded: bool = False
    snapshots: bool = False
    sources: frozenset[str] = frozenset()
    resources: tuple[StackResource, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def ids(self, kind: str) -> tuple[str, ...]:
        """Return the physical ids of the resources of one CloudFormation type."""
        return tuple(one.physical_id for one in self.resources if one.type == kind and one.physical_id)


@dataclass(frozen=True)
class ZoneRecord:
    """A DNS record in a zone that is not ours. `body` is the record as Route 53 wants it back to delete it.

    `proof`: it proves the domain to ACM. Else it is the public name, which a stack holds and takes along.
    """

    zone: str
    name: str
    type: str
    body: str = ""
    proof: bool = True


@dataclass(frozen=True)
class Inventory:
    """An environment and the account around it. `recorded` are physical ids that our stacks have or had,
    `notes` the beginnings of the environment's own keys in the state bucket.
    """

    environment: str
    stacks: Mapping[str, StackSeen] = field(default_factory=dict)
    found: tuple[Found, ...] = ()
    cluster: str | None = None
    services: tuple[ServiceState, ...] = ()
    scaled: frozenset[str] = frozenset()
    tasks: tuple[Task, ...] = ()
    hosts: tuple[Host, ...] = ()
    groups: tuple[Group, ...] = ()
    databases: tuple[DatabaseInstance, ...] = ()
    buckets: Mapping[str, int] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    records: tuple[ZoneRecord, ...] = ()
    notes: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()
    neighbours: frozenset[str] = frozenset()

    @property
    def networks(self) -> frozenset[str]:
        """The ids of the networks that our stacks made."""
        return frozenset(
            id for stack in self.stacks.values() for id in stack.ids("AWS::EC2::VPC")
        ) | frozenset(id for id in self.recorded if id.startswith("vpc-"))


@dataclass(frozen=True)
class Owner:
    """Tells whose a thing is, in one project's account. `neighbours` are the other environments."""

    project: str
    environment: str
    neighbours: frozenset[str]

    def tagged(self, found: Found) -> bool:
        """Say whether the thing carries exactly our environment's tag."""
        return found.tags.get(naming.environment_tag(self.project)) == self.environment

    def foreign(self, found: Found) -> bool:
        """Say whether the thing carries another environment's tag."""
        return found.tags.get(naming.environment_tag(self.project), self.environment) != self.environment

    def named(self, found: Found) -> bool:
        """Say whether the thing has our name; where two environments' names begin alike, the longer one owns it."""
        names = (found.name, found.within, found.id.partition("/")[2])
        owners = [
            name
            for name in (self.environment, *self.neighbours)
            if any(text.startswith(beginnings(self.project, name)) for text in names)
        ]
        return bool(owners) and max(owners, key=len) == self.environment


def beginnings(project: str, environment: str) -> tuple[str, ...]:
    """Return how the names of everything that an environment has may begin (infra.naming, and what CloudFormation
    makes of a stack's name; RDS writes it in lower case, which ours are already).
    """
    return (
        f"{project}-{environment}-",
        f"/{project}/{environment}/",
        f"{project}/{environment}/",
        f"{environment}.internal",
    )
