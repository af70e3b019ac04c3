"""The steps of a teardown: frozen, compared whole by tests, carried out by infra.teardown.execute."""

from __future__ import annotations

from dataclasses import dataclass

from infra.steps import DeleteStack, Step

__all__ = [
    "DeleteStack",
    "EmptyBucket",
    "FreeDatabase",
    "FreeGroup",
    "FreeProvider",
    "QuietService",
    "ReleaseHosts",
    "Step",
    "StopTask",
    "Sweep",
    "TakeSnapshot",
]


@dataclass(frozen=True)
class StopTask(Step):
    """Stop a one-off task: it holds a host and a security group."""

    cluster: str = ""
    arn: str = ""


@dataclass(frozen=True)
class QuietService(Step):
    """Suspend a service's scaling, set it to zero tasks and wait until they have drained."""

    cluster: str = ""
    name: str = ""
    scaled: bool = False


@dataclass(frozen=True)
class FreeProvider(Step):
    """Let a capacity provider's hosts be ended although ECS protects those with tasks."""

    name: str = ""


@dataclass(frozen=True)
class FreeGroup(Step):
    """Take scale-in protection from a group and its hosts."""

    name: str = ""


@dataclass(frozen=True)
class ReleaseHosts(Step):
    """Shrink the groups to nothing, and take out of the cluster by force the hosts that do not go."""

    cluster: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class EmptyBucket(Step):
    """Delete every version of every object of a bucket."""

    name: str = ""


@dataclass(frozen=True)
class FreeDatabase(Step):
    """Wait until a database is at rest, and take its deletion protection."""

    database: str = ""


@dataclass(frozen=True)
class TakeSnapshot(Step):
    """Take the final snapshot of a database whose deployed template would take none."""

    database: str = ""
    snapshot: str = ""


@dataclass(frozen=True)
class Sweep(Step):
    """Delete things of one kind that no stack has any more. `targets` are what their service calls them by;
    `within` is the zone of records, the repository of images.
    """

    kind: str = ""
    targets: tuple[str, ...] = ()
    within: str = ""
