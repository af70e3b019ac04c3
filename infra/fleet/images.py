"""Which machine image hosts run: found by publisher, name and architecture once, then kept until somebody asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from infra.aws import Aws
from infra.aws.ec2 import HostImage
from infra.config import Environment
from infra.errors import EstaleiroError
from infra.steps import Deployed

PARAMETER = "HostImage"
OLD_DAYS = 60
# Who publishes the hosts' systems, and how the images are called (facts of the two projects' release tools).
# The stars of Flatcar's x86_64 images also fit its arm64 ones: the architecture tells them apart.
PUBLISHED = {
    "flatcar": ("075585003325", {"x86_64": "Flatcar-stable-*-hvm", "arm64": "Flatcar-stable-*-arm64-hvm"}),
    "fedora-coreos": (
        "125523088429",
        {"x86_64": "fedora-coreos-*.*.3.*-x86_64", "arm64": "fedora-coreos-*.*.3.*-aarch64"},
    ),
}
# EC2 takes a Flatcar image back nine months after its release (Flatcar's documentation, "Release retention time").
WITHDRAWN = "is no longer offered, so no new host can start"


def newest(aws: Aws, environment: Environment) -> HostImage:
    """Return the newest image of the hosts' system. Raises EstaleiroError where the region has none."""
    owner, pattern, architecture = _wanted(environment)
    image = aws.ec2.newest_image(owner, pattern, architecture)
    if image is None:
        raise EstaleiroError(
            f"no image {pattern} of {owner} for {architecture} is offered in {environment.region}; "
            "choose another region or hosts.os"
        )
    return image


def pinned(deployed: Mapping[str, Deployed]) -> str | None:
    """Return the image that the deployed stacks hold, None before the first deploy."""
    for part in ("cluster", "network"):
        found = deployed[part].parameters.get(PARAMETER) if part in deployed else None
        if found:
            return found
    return None


def chosen(aws: Aws, environment: Environment, deployed: Mapping[str, Deployed]) -> str:
    """Return the image for a deploy: the pinned one, unless system or architecture are now others; else the newest."""
    kept = pinned(deployed)
    if kept is None:
        return newest(aws, environment).id
    image = aws.ec2.image(kept)
    return kept if image is None or is_ours(image, environment) else newest(aws, environment).id


def is_ours(image: HostImage, environment: Environment) -> bool:
    """Whether an image is of the configured system and architecture."""
    _, pattern, architecture = _wanted(environment)
    return image.architecture == architecture and fnmatchcase(image.name, pattern)


def version(name: str) -> str:
    """Return `4593.2.5` for `Flatcar-stable-4593.2.5-arm64-hvm`; the whole name where there is no number."""
    found = re.search(r"\d+(?:\.\d+)+", name)
    return found[0] if found else name


def age_days(image: HostImage, now: datetime) -> int | None:
    """Return how many days ago an image was made, None where nobody says."""
    try:
        made = datetime.fromisoformat(image.created.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).days


def warning(aws: Aws, environment: Environment, id: str, now: datetime) -> str | None:
    """Return a sentence where an image is old or gone, None where all is well."""
    image = aws.ec2.image(id)
    update = f"run `./deploy.py hosts {environment.name} update`"
    if image is None:
        return f"the hosts' image {id} {WITHDRAWN}; {update}"
    days = age_days(image, now)
    if days is None or days <= OLD_DAYS:
        return None
    return f"the hosts' image {image.name} is {days} days old, and a system without updates grows holes; {update}"


def _wanted(environment: Environment) -> tuple[str, str, str]:
    """Publisher, name and architecture; on Fargate those of a NAT host, which is Flatcar."""
    hosts = environment.hosts
    system = "flatcar" if hosts.os == "fargate" else hosts.os
    architecture = environment.architecture if environment.fargate else hosts.architecture
    owner, patterns = PUBLISHED[system]
    return owner, patterns[architecture], architecture
