"""One control plane for the tests of ends, with an account stack, a public zone and a yard whose name is free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.aws import Aws
from infra.commands.context import Context
from tests import aws_account
from tests.local.cloud import REGION
from tests.teardown import account, yard
from tests.teardown.account import Plane


@dataclass(frozen=True)
class Yard:
    """The plane, the project's folder and the wall."""

    plane: Plane
    root: Path
    aws: Aws

    def context(self, name: str = "staging", *, like: str | None = None, aws: Aws | None = None) -> Context:
        """Return a command's surroundings."""
        return yard.context(self.root, name, aws or self.aws, like=like)

    def client(self, service: str) -> object:
        """Return a client of the plane's API."""
        return aws_account.client(
            service,
            region_name=REGION,
            endpoint_url=self.plane.settings.endpoint_url,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """An account with nothing but its own stack and a public zone."""
    folder = tmp_path_factory.mktemp("plane")
    plane = account.start(folder / "state")
    try:
        aws = plane.aws()
        route53 = Yard(plane, folder, aws).client("route53")
        zone = route53.create_hosted_zone(Name="example.org", CallerReference="test")["HostedZone"]["Id"]  # type: ignore[attr-defined]
        root = yard.write_root(folder / "root", zone=zone.rpartition("/")[2])
        yard.account(aws, yard.context(root, "staging", aws).config)
        yield Yard(plane, root, aws)
    finally:
        account.end(plane)


@pytest.fixture(scope="session")
def deployed(bare: Yard) -> Yard:
    """Staging, deployed; the plane remembers this moment, to which `staging` goes back."""
    things = bare.plane.things()
    yard.deploy(bare.context())
    bare.plane.keep()
    EMPTY.append(frozenset(things))
    return bare


@pytest.fixture
def staging(deployed: Yard) -> Yard:
    """Staging as it was just deployed, and alone in the account."""
    deployed.plane.restore()
    return deployed


EMPTY: list[frozenset[str]] = []


@pytest.fixture
def empty(deployed: Yard) -> frozenset[str]:
    """The keys of everything that the account had before staging was deployed."""
    return EMPTY[0]
