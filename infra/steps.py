"""The steps of a deploy, and the two sides that a plan compares: frozen values without behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.differences import ResourceChange
from infra.stacks.model import Stack


@dataclass(frozen=True)
class Deployed:
    """A stack as it stands in CloudFormation."""

    part: str
    name: str
    status: str
    template: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Actual:
    """What is there: the environment's stacks by part, and what `Resolved` parameters stand for now.

    `unproven` are the verdicts and the smoke test that the deploys since the last good one did not reach.
    """

    stacks: Mapping[str, Deployed] = field(default_factory=dict)
    resolved: Mapping[str, str] = field(default_factory=dict)
    missing_images: frozenset[str] = frozenset()
    unproven: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """One thing to do. `needs` are the ids of the steps that must have succeeded before."""

    id: str
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PushImage(Step):
    """Send an image that the registry does not have."""

    reference: str = ""


@dataclass(frozen=True)
class CreateStack(Step):
    """Make a stack; `over_failed` deletes what a failed create left first."""

    stack: Stack = field(default_factory=lambda: Stack("", "", ""))
    over_failed: bool = False


@dataclass(frozen=True)
class UpdateStack(Step):
    """Bring a stack to its template; `unknown` names the parameters whose value an earlier step will give."""

    stack: Stack = field(default_factory=lambda: Stack("", "", ""))
    changes: tuple[ResourceChange, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeleteStack(Step):
    """Remove the stack of a service that left services/; its data is kept by the deletion policies."""

    part: str = ""
    name: str = ""


@dataclass(frozen=True)
class RefreshHosts(Step):
    """Replace every host that is not of the template that the cluster now has; none is done at once."""


@dataclass(frozen=True)
class AwaitHosts(Step):
    """Wait until the least number of hosts is connected."""

    count: int = 0


@dataclass(frozen=True)
class RunTask(Step):
    """Run a one-off task (`provision`, `migrate`, `clients`) from the release's task definition."""

    service: str = ""
    task: str = ""


@dataclass(frozen=True)
class Judge(Step):
    """Ask ECS for the verdict on a service's deployment."""

    service: str = ""


@dataclass(frozen=True)
class SmokeTest(Step):
    """One request through the edge."""


@dataclass(frozen=True)
class Plan:
    """The steps of one deploy, in an order that satisfies every `needs`."""

    environment: str
    steps: tuple[Step, ...]

    @property
    def empty(self) -> bool:
        """Whether everything is already as it should be."""
        return not self.steps
