"""From an inventory to steps: what goes and in which order, what stays and why, what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra import naming
from infra.aws.autoscaling import Group
from infra.aws.census import last_part
from infra.config import Config
from infra.teardown import sweep
from infra.teardown.inventory import Inventory, Owner, StackSeen
from infra.teardown.steps import (
    DeleteStack,
    EmptyBucket,
    FreeDatabase,
    FreeGroup,
    FreeProvider,
    QuietService,
    ReleaseHosts,
    Step,
    StopTask,
    TakeSnapshot,
)

PROVIDER = "AWS::ECS::CapacityProvider"
DATABASE = "AWS::RDS::DBInstance"


@dataclass(frozen=True)
class Kept:
    """Something of the environment's, or near it, that stays."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True)
class Obstacle:
    """Something that would stop a deletion; `remedy` is what teardown does about it. `fatal`: only a person can."""

    kind: str
    name: str
    remedy: str
    fatal: bool = False


@dataclass(frozen=True)
class TeardownPlan:
    """Everything that a teardown will do, in an order that satisfies every `needs`, and what it will not."""

    environment: str
    steps: tuple[Step, ...] = ()
    kept: tuple[Kept, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing of the environment is left that a teardown could remove."""
        return not self.steps


@dataclass(frozen=True)
class Shared:
    """What the files of all environments say of things that they share. `registry`: why images must stay.

    `stamp` ends the name of a final snapshot; any text that sorts by time.
    """

    registry: str | None = None
    stamp: str = ""


def plan_teardown(config: Config, inventory: Inventory, shared: Shared) -> TeardownPlan:
    """Return what a teardown has to do now; an empty plan means that nothing is left that it may remove."""
    before = (*_quieting(inventory), *_freeing(config, inventory, shared))
    deletions = tuple(_deletions(inventory, frozenset(step.id for step in before)))
    owner = Owner(config.environment.project, inventory.environment, inventory.neighbours)
    gone = frozenset(step.id for step in deletions)
    swept = tuple(sweep.steps(config, inventory, owner, after=gone, images=shared.registry is None))
    return TeardownPlan(
        environment=inventory.environment,
        steps=(*before, *deletions, *swept),
        kept=tuple(_kept(config, inventory, shared)),
        obstacles=tuple(_obstacles(inventory, owner)),
    )


def _quieting(inventory: Inventory) -> Iterator[Step]:
    cluster = inventory.cluster
    if cluster is None:
        return
    for task in inventory.tasks:
        yield StopTask(f"stop {task.id}", cluster=cluster, arn=task.arn)
    for service in inventory.services:
        scaled = service.name in inventory.scaled
        if scaled or service.desired or service.running or service.pending:
            yield QuietService(f"quiet {service.name}", cluster=cluster, name=service.name, scaled=scaled)


def _freeing(config: Config, inventory: Inventory, shared: Shared) -> Iterator[Step]:
    for stack in inventory.stacks.values():
        for provider in stack.ids(PROVIDER):
            yield FreeProvider(f"free {last_part(provider)}", name=provider)
    for group in inventory.groups:
        if _protected(group):
            yield FreeGroup(f"free {group.name}", name=group.name)
    quiet = frozenset(step.id for step in _quieting(inventory))
    if inventory.cluster and inventory.hosts:
        freed = frozenset(f"free {group.name}" for group in inventory.groups if _protected(group))
        providers = frozenset(
            f"free {last_part(id)}" for stack in inventory.stacks.values() for id in stack.ids(PROVIDER)
        )
        yield ReleaseHosts(
            "release hosts",
            quiet | freed | providers,
            cluster=inventory.cluster,
            groups=tuple(sorted({group.name for group in inventory.groups})),
        )
    for name, count in sorted(inventory.buckets.items()):
        if count:
            # What still runs would fill it again.
            yield EmptyBucket(f"empty {name}", quiet, name=name)
    yield from _databases(config, inventory, shared)


def _protected(group: Group) -> bool:
    return group.protects_new or any(member.protected for member in group.members)


def _databases(config: Config, inventory: Inventory, shared: Shared) -> Iterator[Step]:
    for database in inventory.databases:
        free = FreeDatabase(f"free {database.id}", database=database.id)
        yield free
        if config.environment.database.final_snapshot and not _snapshots_itself(inventory, database.id):
            name = f"{database.id}-final-{shared.stamp}".rstrip("-")
            yield TakeSnapshot(
                f"snapshot {database.id}", frozenset({free.id}), database=database.id, snapshot=name
            )


def _snapshots_itself(inventory: Inventory, database: str) -> bool:
    """Whether the deployed template's own deletion policy takes a snapshot."""
    return any(stack.snapshots and database in stack.ids(DATABASE) for stack in inventory.stacks.values())


def _deletions(inventory: Inventory, before: frozenset[str]) -> Iterator[Step]:
    stacks = inventory.stacks
    placed: list[str] = []
    for part in order(stacks):
        users = frozenset(f"delete {user}" for user in placed if part in stacks[user].sources)
        yield DeleteStack(f"delete {part}", users | before, part=part, name=stacks[part].name)
        placed.append(part)


def order(stacks: Mapping[str, StackSeen]) -> tuple[str, ...]:
    """Return the parts so that each comes after everything that uses one of its outputs.

    Stacks that feed each other, which no deploy makes, come last and by name.
    """
    placed: list[str] = []
    while len(placed) < len(stacks):
        left = sorted(set(stacks) - set(placed))
        free = [part for part in left if not any(part in stacks[user].sources - {user} for user in left)]
        placed += free or left
    return tuple(placed)


def _kept(config: Config, inventory: Inventory, shared: Shared) -> Iterator[Kept]:
    environment = config.environment
    project = environment.project
    yield Kept(
        "stack", naming.account_stack_name(project), "the account's own, shared by all its environments"
    )
    if shared.registry is not None:
        yield Kept("images", naming.repository(project), shared.registry)
    if environment.network.existing:
        yield Kept(
            "network",
            str(environment.network.existing["vpc_id"]),
            "it was there before; named by network.existing",
        )
    if environment.edge.zone_id:
        yield Kept("hosted zone", environment.edge.zone_id, "it was there before; only our records in it go")
    if environment.database.final_snapshot:
        owner = Owner(project, inventory.environment, inventory.neighbours)
        snapshots = (one for one in inventory.found if one.kind == "database snapshot")
        names = [one.name for one in snapshots if owner.tagged(one)]
        for name in names or [database.id for database in inventory.databases]:
            yield Kept("database snapshot", name, "database.final_snapshot is set")


def _obstacles(inventory: Inventory, owner: Owner) -> Iterator[Obstacle]:
    for stack in inventory.stacks.values():
        if stack.guarded:
            yield Obstacle("stack", stack.name, "termination protection is turned off")
        if stack.status.endswith("_IN_PROGRESS"):
            yield Obstacle("stack", stack.name, f"is {stack.status}; its end is waited for")
    for task in inventory.tasks:
        yield Obstacle("one-off task", task.id, f"runs ({task.group.removeprefix('family:')}); it is stopped")
    for group in inventory.groups:
        if _protected(group):
            yield Obstacle(
                "group of hosts", group.name, "protects hosts from scale-in; the protection is taken"
            )
    yield from _data(inventory)
    yield from _strangers(inventory, owner)


def _data(inventory: Inventory) -> Iterator[Obstacle]:
    for name, count in sorted(inventory.buckets.items()):
        if count:
            yield Obstacle("bucket", name, f"holds {count} versions of objects; they are deleted")
    for database in inventory.databases:
        if database.protected:
            yield Obstacle("database", database.id, "is protected from deletion; the protection is taken")
        if database.status not in ("available", "stopped", "deleting", ""):
            yield Obstacle("database", database.id, f"is {database.status}; its end is waited for")


def _strangers(inventory: Inventory, owner: Owner) -> Iterator[Obstacle]:
    """What lies in our network and is not ours keeps the network from going; nobody but its owner may remove it."""
    for one in inventory.found:
        if one.within not in inventory.networks or one.id in inventory.recorded or owner.tagged(one):
            continue
        if one.kind == "network interface" and one.detail != "available" and not owner.foreign(one):
            continue
        if one.kind in ("route table", "security group") and one.name in ("default", one.id):
            continue
        if one.kind in (
            "machine",
            "security group",
            "load balancer",
            "endpoint",
            "subnet",
            "network interface",
        ):
            whose = one.tags.get("Name") or one.name
            yield Obstacle(
                one.kind,
                one.id,
                f"({whose}) is not ours and lies in our network; remove it first",
                fatal=True,
            )
