"""What a reader of a plan wants beside its steps: cost, images, migrations and drift. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.aws.cloudformation import Drift
from infra.checks.facts import NOT_ASKED
from infra.checks.model import Unknown
from infra.checks.reading import resources
from infra.migrations.revisions import Revision, pending
from infra.outlook.cost import Bill, Prices, bill
from infra.stacks.model import Stack
from infra.steps import Actual, Plan, RunTask


@dataclass(frozen=True)
class ImageChange:
    """The image of a task definition before and after, by tag; None before the first deploy."""

    task: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Upgrade:
    """The migrations that a step will run; Unknown where nobody recorded how far the database is."""

    service: str
    revisions: tuple[Revision, ...] | Unknown


@dataclass(frozen=True)
class Outlook:
    """Everything beside the steps. Bills are None where nothing is charged; drift by part."""

    before: Bill | None = None
    after: Bill | None = None
    images: tuple[ImageChange, ...] = ()
    upgrades: tuple[Upgrade, ...] = ()
    drift: Mapping[str, tuple[Drift, ...]] | Unknown = NOT_ASKED


def outlook(
    stacks: Sequence[Stack],
    actual: Actual,
    *,
    plan: Plan,
    prices: Prices | None,
    revisions: Mapping[str, tuple[Revision, ...]],
    recorded: Mapping[str, str | None],
    drift: Mapping[str, tuple[Drift, ...]] | Unknown,
) -> Outlook:
    """Return what the plan means. `prices` is None where nothing is charged; `recorded` has the last migrations run."""
    now = {part: one.template for part, one in actual.stacks.items()}
    then = {stack.part: stack.template for stack in stacks}
    return Outlook(
        before=bill(now, prices) if prices else None,
        after=bill(then, prices) if prices else None,
        images=_images(stacks, actual),
        upgrades=_upgrades(plan, actual, revisions, recorded),
        drift=drift,
    )


def _images(stacks: Sequence[Stack], actual: Actual) -> tuple[ImageChange, ...]:
    found = []
    for stack in stacks:
        deployed = actual.stacks.get(stack.part)
        before = _tags(stack.part, deployed.template) if deployed else {}
        for task, tag in _tags(stack.part, stack.template).items():
            if before.get(task) != tag:
                found.append(ImageChange(task, before.get(task), tag))
    return tuple(found)


def _tags(part: str, template: str) -> dict[str, str]:
    stack = Stack(part, part, template)
    return {
        f"{part.removesuffix('-release')} {container['Name']}": _tag(container["Image"])
        for _, one in resources(stack, "AWS::ECS::TaskDefinition")
        for container in one["Properties"]["ContainerDefinitions"]
    }


def _tag(image: object) -> str:
    text = image if isinstance(image, str) else json.dumps(image)
    found = re.search(r":([\w.-]+)\"?[\]}\"]*$", text)
    return found[1] if found else text


def _upgrades(
    plan: Plan,
    actual: Actual,
    revisions: Mapping[str, tuple[Revision, ...]],
    recorded: Mapping[str, str | None],
) -> tuple[Upgrade, ...]:
    """Nothing deployed means that everything is pending; deployed and not recorded, that only the database knows."""
    found = []
    for step in plan.steps:
        if not isinstance(step, RunTask) or step.task != "migrate":
            continue
        at, known = recorded.get(step.service), revisions.get(step.service, ())
        if at is None and step.service in actual.stacks:
            found.append(Upgrade(step.service, Unknown("what is pending, only the database knows")))
        else:
            found.append(Upgrade(step.service, pending(known, at)))
    return tuple(found)
