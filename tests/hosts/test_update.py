"""`hosts update` against a scripted account: what is pinned, recorded, refreshed, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import moto
import pytest

from infra.aws.autoscaling import Refresh
from infra.aws.client import Client
from infra.aws.cloudformation import Change, ChangeSet, StackState
from infra.aws.ec2 import HostImage
from infra.aws.s3 import Bucket
from infra.commands import host_update
from infra.commands.context import Context
from infra.commands.host_update import Proposal
from infra.errors import EstaleiroError, Refused
from infra.events import Reporter
from infra.state import Releases
from tests import aws_account
from tests.hosts.scripted import PLACE, Cluster, host
from tests.hosts.test_systems import configured

TAGS = {"shipyard:environment": "staging", "shipyard:part": "cluster"}
TEMPLATE = Change("Modify", "HostTemplate", "lt-1", "AWS::EC2::LaunchTemplate", "False")
GROUP = Change("Modify", "Hosts", "hosts", "AWS::AutoScaling::AutoScalingGroup", "False")


@dataclass
class Stacks:
    """One cluster stack, whose change sets hold `changes`."""

    changes: tuple[Change, ...] = (TEMPLATE, GROUP)
    asked: dict[str, Any] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def stacks(self, prefix: str) -> dict[str, StackState]:
        name = f"{prefix}cluster"
        outputs = {"ClusterName": PLACE.cluster, "HostsGroup": PLACE.group}
        parameters = {"HostImage": "ami-old", "TaskSubnetIds": "a,b"}
        return {name: StackState(name, "UPDATE_COMPLETE", parameters=parameters, outputs=outputs, tags=TAGS)}

    def template(self, name: str) -> str:
        return "the deployed template"

    def create_change_set(self, name: str, **asked: Any) -> ChangeSet:
        self.asked = asked
        return ChangeSet("1", "change", name, "CREATE_COMPLETE", changes=self.changes)

    def execute_change_set(self, change_set: ChangeSet) -> None:
        self.done.append("executed")

    def delete_change_set(self, change_set: ChangeSet) -> None:
        self.done.append("deleted")

    def wait(self, name: str, **more: Any) -> None:
        self.done.append("waited")


class Region(Cluster):
    """A cluster in a region that offers a newer image."""

    def newest_image(self, owner: str, pattern: str, architecture: str) -> HostImage:
        return HostImage("ami-new", "Flatcar-stable-4600.1.0-hvm", "2026-09-01T00:00:00.000Z", "x86_64")


@dataclass
class Surroundings:
    """The parts of a context that an update looks at."""

    aws: Any
    bucket: Bucket
    told: list[str]
    config: Any = field(default_factory=lambda: configured("flatcar"))
    cloud: Any = None

    @property
    def reporter(self) -> Reporter:
        return Reporter(lambda event: self.told.append(f"{event.step}: {event.text}"), lambda: 0.0)

    def outputs(self) -> dict[str, dict[str, str]]:
        return {"cluster": {"ClusterName": PLACE.cluster, "HostsGroup": PLACE.group}}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with moto.mock_aws():
        client = aws_account.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield Bucket("state", Client("s3", lambda name: client))


def surroundings(bucket: Bucket, stacks: Stacks, *states: tuple[str, int]) -> tuple[Context, list[str]]:
    region = Region({"i-1": host("i-1")})
    region.refresh_states = [
        Refresh("refresh-1", status, percent, "no capacity") for status, percent in states
    ]
    wall: Any = region.wall
    wall.cloudformation = stacks
    made = Surroundings(wall, bucket, [])
    return cast(Context, made), made.told


def test_the_newest_image_is_proposed_or_the_one_that_is_named(bucket: Bucket) -> None:
    context, _ = surroundings(bucket, Stacks())

    newest = host_update.proposal(context, None)
    named = host_update.proposal(context, "ami-named")

    assert (newest.before, newest.after.id) == ("ami-old", "ami-new")
    assert (named.before, named.after.id) == ("ami-old", "ami-named")


def test_an_update_pins_the_image_in_stack_and_record_and_refreshes(bucket: Bucket) -> None:
    stacks = Stacks()
    context, told = surroundings(bucket, stacks, ("Successful", 100))
    Releases(bucket, "staging").write(
        "r1", {"release": "r1", "parameters": {"cluster": {"HostImage": "ami-old"}}}
    )

    result = host_update.update(context, host_update.proposal(context, None))

    assert result == {
        "environment": "staging",
        "before": "ami-old",
        "after": "ami-new",
        "name": "Flatcar-stable-4600.1.0-hvm",
    }
    assert stacks.asked["template"] == "the deployed template"
    assert stacks.asked["parameters"] == {"HostImage": "ami-new", "TaskSubnetIds": "a,b"}
    assert stacks.done == ["executed", "waited"]
    assert Releases(bucket, "staging").read("r1")["parameters"]["cluster"] == {"HostImage": "ami-new"}
    assert bucket.get("locks/staging.json") is None
    assert told == ["cluster: pin ami-new"]


def test_what_would_change_more_than_hosts_is_refused(bucket: Bucket) -> None:
    database = Change("Modify", "Database", "db", "AWS::RDS::DBInstance", "False")
    stacks = Stacks((TEMPLATE, database))
    context, _ = surroundings(bucket, stacks, ("Successful", 100))

    with pytest.raises(Refused, match="another image would also change Database; nothing was changed"):
        host_update.update(context, host_update.proposal(context, None))

    assert stacks.done == ["deleted"]


def test_a_refresh_that_fails_says_how_to_go_back(bucket: Bucket) -> None:
    context, _ = surroundings(bucket, Stacks(), ("Failed", 0))

    with pytest.raises(EstaleiroError) as failure:
        host_update.update(context, host_update.proposal(context, None))

    assert str(failure.value) == (
        "the refresh ended as Failed: no capacity\n"
        "the hosts now run both images: mend the cause and update again, or go back with "
        "`./deploy.py hosts staging update --image ami-old`"
    )


def test_stragglers_are_replaced_where_the_image_is_pinned_already(bucket: Bucket) -> None:
    stacks = Stacks()
    context, _ = surroundings(bucket, stacks, ("Successful", 100))
    same = HostImage("ami-old", "Flatcar-stable-4593.2.5-hvm", "2026-08-01T00:00:00.000Z", "x86_64")

    host_update.update(context, Proposal("ami-old", same))

    assert stacks.done == []


def test_an_image_of_another_system_is_refused(bucket: Bucket) -> None:
    context, _ = surroundings(bucket, Stacks())
    cast(Any, context).config = configured("fedora-coreos")

    with pytest.raises(Refused, match="is not fedora-coreos for x86_64"):
        host_update.proposal(context, "ami-flatcar")
