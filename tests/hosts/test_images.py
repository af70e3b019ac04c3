"""The hosts' machine image: found once, kept, and complained of when it is old or withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.aws.ec2 import HostImage
from infra.errors import EstaleiroError
from infra.fleet import images as host_images
from infra.steps import Deployed
from tests.fakes import FakeAws
from tests.hosts.test_systems import configured

X86 = HostImage("ami-x86", "Flatcar-stable-4593.2.5-hvm", "2026-08-01T00:00:00.000Z", "x86_64")
NEWER = HostImage("ami-newer", "Flatcar-stable-4600.1.0-hvm", "2026-09-01T00:00:00.000Z", "x86_64")
ARM = HostImage("ami-arm", "Flatcar-stable-4593.2.5-arm64-hvm", "2026-08-01T00:00:00.000Z", "arm64")
COREOS = HostImage("ami-core", "fedora-coreos-44.20260802.3.1-x86_64", "2026-08-02T00:00:00.000Z", "x86_64")


class Offered:
    """A region's images."""

    def __init__(self, *images: HostImage) -> None:
        self.images = images

    def image(self, id: str) -> HostImage | None:
        return next((image for image in self.images if image.id == id), None)

    def newest_image(self, owner: str, pattern: str, architecture: str) -> HostImage | None:
        fitting = [
            image
            for image in self.images
            if image.architecture == architecture
            and image.name.split("-")[0].lower() == pattern.split("-")[0].lower()
        ]
        return max(fitting, key=lambda image: image.created, default=None)


def account(*images: HostImage) -> Any:
    made = FakeAws()
    made.ec2 = Offered(*images)  # type: ignore[attr-defined]
    return made.wall


def pinned(image: str, part: str = "cluster") -> dict[str, Deployed]:
    return {part: Deployed(part, f"yard-{part}", "UPDATE_COMPLETE", parameters={"HostImage": image})}


def test_the_first_deploy_takes_the_newest() -> None:
    assert host_images.chosen(account(X86, NEWER), configured("flatcar").environment, {}) == "ami-newer"


@pytest.mark.parametrize("part", ["cluster", "network"])
def test_later_deploys_keep_what_is_deployed(part: str) -> None:
    environment = configured("flatcar").environment

    assert host_images.chosen(account(X86, NEWER), environment, pinned("ami-x86", part)) == "ami-x86"


def test_another_system_or_processor_is_another_image() -> None:
    offered = account(X86, ARM, COREOS)

    assert (
        host_images.chosen(offered, configured("flatcar", "arm64").environment, pinned("ami-x86"))
        == "ami-arm"
    )
    assert (
        host_images.chosen(offered, configured("fedora-coreos").environment, pinned("ami-x86")) == "ami-core"
    )


def test_a_withdrawn_image_is_kept_until_somebody_asks_and_complained_of() -> None:
    environment, now = configured("flatcar").environment, datetime(2026, 9, 2, tzinfo=UTC)

    kept = host_images.chosen(account(NEWER), environment, pinned("ami-x86"))

    assert kept == "ami-x86"
    assert host_images.warning(account(NEWER), environment, kept, now) == (
        "the hosts' image ami-x86 is no longer offered, so no new host can start; "
        "run `./deploy.py hosts staging update`"
    )


def test_an_image_is_complained_of_after_sixty_days() -> None:
    environment = configured("flatcar").environment

    on_time = host_images.warning(account(X86), environment, "ami-x86", datetime(2026, 9, 30, tzinfo=UTC))
    late = host_images.warning(account(X86), environment, "ami-x86", datetime(2026, 10, 1, tzinfo=UTC))

    assert on_time is None
    assert late == (
        "the hosts' image Flatcar-stable-4593.2.5-hvm is 61 days old, and a system without updates grows holes; "
        "run `./deploy.py hosts staging update`"
    )


def test_a_region_without_an_image_is_an_error_that_says_which() -> None:
    with pytest.raises(
        EstaleiroError, match=r"no image Flatcar-stable-\*-arm64-hvm of 075585003325 for arm64"
    ):
        host_images.newest(account(X86), configured("flatcar", "arm64").environment)


@pytest.mark.parametrize(
    ("image", "number"), [(X86, "4593.2.5"), (ARM, "4593.2.5"), (COREOS, "44.20260802.3.1")]
)
def test_the_name_holds_the_version(image: HostImage, number: str) -> None:
    assert host_images.version(image.name) == number
