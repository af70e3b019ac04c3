"""Steps of a teardown against things that hang, fail or change: each ends, and says what a person has to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from infra.aws import Aws
from infra.aws.autoscaling import Group
from infra.aws.cloudformation import StackResource, StackState
from infra.aws.ec2 import Interface
from infra.aws.ecs import ServiceState
from infra.aws.rds import DatabaseInstance
from infra.errors import AwsError
from infra.events import Event, Reporter
from infra.graph import Outcome
from infra.teardown.execute import Limits, Teardown
from infra.teardown.plan import TeardownPlan
from infra.teardown.steps import DeleteStack, FreeDatabase, QuietService, ReleaseHosts, Step, StopTask
from tests.fakes import TASK, Clock
from tests.hosts.scripted import host

LIMITS = Limits(drain=60, hosts=60, database=600, stack=600)


@dataclass
class Account:
    """One object plays every service; `life` are the states of what is waited for, the last one for ever."""

    life: Sequence[str] = ("",)
    host_connected: bool = True
    deletions: Sequence[Callable[[], None]] = ()
    done: list[str] = field(default_factory=list)
    looks: int = 0

    @property
    def wall(self) -> Aws:
        return cast(Aws, _Wall(self))

    def _now(self) -> str:
        self.looks += 1
        return self.life[min(self.looks, len(self.life)) - 1]

    # --- RDS
    def instance(self, id: str) -> DatabaseInstance:
        return DatabaseInstance(id, "arn", self._now(), protected=True)

    # --- ECS and its hosts
    def stop_task(self, cluster: str, arn: str, reason: str) -> None:
        self.done.append("asked the task to stop")

    def tasks(self, cluster: str, arns: Any) -> tuple[Any, ...]:
        return (TASK,)

    def update_service(self, cluster: str, name: str, *, desired: int) -> None:
        self.done.append(f"{name} to {desired}")

    def services(self, cluster: str, names: Any) -> dict[str, ServiceState]:
        return {
            "web": ServiceState("web", "arn", "ACTIVE", desired=0, running=2, pending=0, task_definition="")
        }

    def container_instances(self, cluster: str) -> tuple[Any, ...]:
        return (host("i-1", connected=self.host_connected),)

    def deregister_host(self, cluster: str, arn: str, *, force: bool) -> None:
        self.done.append(f"deregistered {arn} by {'force' if force else 'asking'}")

    def group(self, name: str) -> Group:
        return Group(name, 1, 4, 1)

    def set_sizes(self, name: str, *, minimum: int, maximum: int, desired: int) -> None:
        self.done.append(f"{name} to {minimum}/{maximum}/{desired}")

    def let_go(self, name: str) -> None:
        self.done.append(f"let go of {name}")

    # --- CloudFormation
    def stack(self, name: str) -> StackState:
        return StackState(name, self._now(), protected=True)

    def set_protection(self, name: str, on: bool) -> None:
        self.done.append(f"protection {'on' if on else 'off'}")

    def clear_protection(self, name: str) -> None:
        self.done.append(f"freed {name}")

    def delete_stack(self, name: str) -> None:
        self.done.append("deletion")

    def wait(self, name: str, **more: Any) -> None:
        tried = self.done.count("deletion")
        if 0 < tried <= len(self.deletions):
            self.deletions[tried - 1]()
        self.done.append("waited")

    def resources(self, name: str) -> tuple[StackResource, ...]:
        return (
            StackResource("Vpc", "vpc-1", "AWS::EC2::VPC", "CREATE_COMPLETE"),
            StackResource("Group", "sg-1", "AWS::EC2::SecurityGroup", "DELETE_FAILED"),
        )

    def network_interfaces(self, vpc: str) -> tuple[Interface, ...]:
        return (Interface("eni-7", "in-use", "i-somebodys", security_groups=("sg-1",)),)


class _Wall:
    def __init__(self, account: Account) -> None:
        self.rds = self.ecs = self.autoscaling = self.cloudformation = self.ec2 = account


def ran(account: Account, step: Step) -> tuple[Outcome, list[str]]:
    """The outcome of one step, and the words that it ended with."""
    clock, told = Clock(), list[Event]()
    work = Teardown(
        account.wall, Reporter(told.append, lambda: 0.0), "state", LIMITS, clock=clock, sleep=clock.sleep
    )
    outcome = work.run(TeardownPlan("staging", (step,)))
    return outcome, [event.text for event in told if event.kind == "done"]


def refuses() -> None:
    raise AwsError("the stack did not go: sg-1 has a dependent object")


def test_a_database_that_is_being_changed_is_waited_for_and_then_freed() -> None:
    account = Account(life=("modifying", "configuring-enhanced-monitoring", "available"))

    outcome, _ = ran(account, FreeDatabase("free db", database="db"))

    assert (outcome.failed, account.looks, account.done) == ({}, 3, ["freed db"])


def test_a_database_that_never_rests_is_an_error_that_says_how_to_go_on() -> None:
    outcome, _ = ran(Account(life=("modifying",)), FreeDatabase("free db", database="db"))

    assert str(outcome.failed["free db"]) == (
        "database db is still modifying after 600 s; look at its events and run teardown again"
    )


def test_a_host_that_hangs_is_taken_from_the_cluster_by_force() -> None:
    account = Account()

    _, said = ran(account, ReleaseHosts("release hosts", cluster="yard", groups=("hosts",)))

    assert account.done == ["hosts to 0/0/0", "deregistered arn:i-1 by force", "let go of hosts"]
    assert said == ["1 deregistered by force"]


def test_a_service_that_does_not_drain_and_a_task_that_does_not_stop_hold_nothing_up() -> None:
    service = ran(Account(), QuietService("quiet web", cluster="yard", name="web"))
    task = ran(Account(), StopTask("stop t", cluster="yard", arn="t"))

    assert (service[0].failed, task[0].failed) == ({}, {})
    assert service[1] == ["2 tasks do not stop; their hosts are taken from the cluster"]
    assert task[1] == ["does not stop; its host is taken from the cluster"]


def test_a_stack_that_somebody_changes_is_let_finish_before_it_is_deleted() -> None:
    account = Account(life=("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"))

    outcome, _ = ran(account, DeleteStack("delete edge", part="edge", name="yard-staging-edge"))

    assert outcome.failed == {}
    assert account.done == ["waited", "protection off", "deletion", "waited"]


def test_a_deletion_that_fails_once_is_tried_again() -> None:
    account = Account(life=("CREATE_COMPLETE",), deletions=(refuses,))

    outcome, _ = ran(account, DeleteStack("delete network", part="network", name="yard-staging-network"))

    assert (outcome.failed, account.done.count("deletion")) == ({}, 2)


def test_a_deletion_that_fails_again_names_the_holder_and_says_how_to_go_on() -> None:
    account = Account(life=("CREATE_COMPLETE",), deletions=(refuses, refuses))

    outcome, _ = ran(account, DeleteStack("delete network", part="network", name="yard-staging-network"))

    assert str(outcome.failed["delete network"]) == (
        "the stack did not go: sg-1 has a dependent object; held by network interface eni-7 of i-somebodys (in-use); "
        "run teardown again"
    )
