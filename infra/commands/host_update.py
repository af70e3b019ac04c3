"""`hosts ENV update`: the hosts' image changes here and nowhere else, and every host is replaced with care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.aws.ec2 import HostImage
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.errors import EstaleiroError, Refused
from infra.fleet import images as host_images
from infra.fleet.hosts import place
from infra.fleet.images import PARAMETER
from infra.fleet.refreshing import Refreshing
from infra.fleet.replacement import Patience
from infra.naming import state_bucket
from infra.snapshot import environment_stacks
from infra.state import Releases
from infra.steps import Deployed

# What may change with an image; anything else means that the deployed stack is not what its template says.
CHANGING = frozenset(
    {
        "AWS::EC2::LaunchTemplate",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::ECS::CapacityProvider",
        "AWS::ECS::ClusterCapacityProviderAssociations",
    }
)
GROUPS = {"cluster": "HostsGroup", "network": "NatGroup"}


@dataclass(frozen=True)
class Proposal:
    """From which image to which; the same means that only stragglers are replaced."""

    before: str
    after: HostImage


def proposal(context: Context, wanted: str | None) -> Proposal:
    """Return what an update would do: to the newest image, or to the one named. Raises EstaleiroError."""
    environment = context.config.environment
    before = host_images.pinned(environment_stacks(context.aws, context.config))
    if before is None:
        raise EstaleiroError(
            f"{environment.name} has no hosts yet; the first deploy takes the newest image by itself"
        )
    if wanted is None:
        return Proposal(before, host_images.newest(context.aws, environment))
    image = context.aws.ec2.image(wanted)
    if image is None:
        raise EstaleiroError(f"{wanted} is no image that {environment.region} offers to this account")
    if not host_images.is_ours(image, environment):
        raise Refused(
            f"{image.name} ({image.architecture}) is not {environment.hosts.os} for "
            f"{environment.hosts.architecture}; change hosts.os or hosts.instance_types and deploy instead"
        )
    return Proposal(before, image)


def update(context: Context, proposed: Proposal) -> dict[str, Any]:
    """Pin the image in every stack that starts hosts, then replace what runs another; return what was done.

    Raises EstaleiroError at the first host that does not come; the environment then has hosts of both images.
    """
    name = context.config.environment.name
    with lock(context, f"hosts {name} update").held():
        deployed = environment_stacks(context.aws, context.config)
        parts = [part for part in ("network", "cluster") if PARAMETER in _parameters(deployed, part)]
        for part in parts:
            _pin(context, deployed[part], proposed.after.id)
        _record(context, parts, proposed.after.id)
        for part in parts:
            group = deployed[part].outputs.get(GROUPS[part])
            if group:
                _refresh(context, part, group, proposed)
    return {
        "environment": name,
        "before": proposed.before,
        "after": proposed.after.id,
        "name": proposed.after.name,
    }


def refresher(context: Context, part: str, group: str) -> Refreshing:
    """Return what refreshes the group of a part."""
    deploy = context.config.environment.deploy
    cluster = place(context.config, context.outputs()).cluster if part == "cluster" else None
    return Refreshing(
        context.aws,
        group,
        cluster=cluster,
        patience=Patience(drain=deploy.service_seconds, connect=deploy.hosts_ready_seconds),
        told=lambda text: context.reporter.tell("started", f"{part} hosts", text),
    )


def _refresh(context: Context, part: str, group: str, proposed: Proposal) -> None:
    try:
        refresher(context, part, group).run()
    except EstaleiroError as error:
        name = context.config.environment.name
        raise type(error)(
            f"{error}\nthe hosts now run both images: mend the cause and update again, or go back with "
            f"`./deploy.py hosts {name} update --image {proposed.before}`"
        ) from error


def _pin(context: Context, stack: Deployed, image: str) -> None:
    """Change the one parameter through a change set; refuse what would change anything but hosts."""
    if stack.parameters[PARAMETER] == image:
        return
    environment = context.config.environment
    cloudformation = context.aws.cloudformation
    made = cloudformation.create_change_set(
        stack.name,
        template=stack.template,
        parameters={**stack.parameters, PARAMETER: image},
        tags=stack.tags,
        kind="UPDATE",
        description="another image for the hosts",
        bucket=state_bucket(environment.project, environment.account, environment.region),
    )
    if made.empty:
        return
    strange = sorted(one.logical_id for one in made.changes if one.type not in CHANGING)
    lost = sorted(one.logical_id for one in made.changes if one.replacement == "True")
    if strange or lost:
        cloudformation.delete_change_set(made)
        raise Refused(
            f"{stack.name}: another image would also change {', '.join(dict.fromkeys([*strange, *lost]))}; nothing was "
            "changed: run `deploy` first"
        )
    context.reporter.tell("started", stack.part, f"pin {image}")
    cloudformation.execute_change_set(made)
    cloudformation.wait(stack.name, deadline_seconds=environment.deploy.stack_seconds)


def _record(context: Context, parts: list[str], image: str) -> None:
    """The record of the last release holds what is pinned."""
    releases = Releases(context.bucket, context.config.environment.name)
    for release in releases.ids()[-1:]:
        record = releases.read(release)
        parameters = record.setdefault("parameters", {})
        for part in parts:
            parameters.setdefault(part, {})[PARAMETER] = image
        releases.write(release, record)


def _parameters(deployed: dict[str, Deployed], part: str) -> dict[str, str]:
    return dict(deployed[part].parameters) if part in deployed else {}
