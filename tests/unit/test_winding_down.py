"""A stop that somebody asked for turns back what is in flight at once, and only that."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from infra.aws import Aws
from infra.aws.cloudformation import StackState
from infra.aws.ecs import ServiceDeployment
from infra.interruption import Stop
from infra.winding_down import Winding
from tests.cluster import deployment


@dataclass
class Account:
    """One stack and its one service; `asked` is what was asked of them."""

    status: str = "UPDATE_IN_PROGRESS"
    rollout: str = "IN_PROGRESS"
    asked: list[str] = field(default_factory=list)

    @property
    def wall(self) -> Aws:
        return cast(Aws, self)

    @property
    def cloudformation(self) -> Account:
        return self

    @property
    def ecs(self) -> Account:
        return self

    def stack(self, name: str) -> StackState:
        return StackState(name, self.status)

    def cancel_update(self, name: str) -> None:
        self.asked.append("cancel the update")

    def delete_stack(self, name: str) -> None:
        self.asked.append("delete")

    def service_deployments(self, cluster: str, service: str) -> list[ServiceDeployment]:
        return [deployment(self.rollout)]

    def stop_service_deployment(self, arn: str, kind: str) -> None:
        self.asked.append(f"stop the rollout: {kind}")


def winding(account: Account, stop: Stop) -> Winding:
    services = ("yard-local", ("shop-web",))
    return Winding(account.wall, stop, "yard-local-shop", services, sleep=lambda seconds: None)


def test_a_stop_ends_a_long_sleep_at_once() -> None:
    account, stop = Account(), Stop()
    began = time.monotonic()

    threading.Timer(0.1, stop.request).start()
    winding(account, stop).sleep(60)

    assert time.monotonic() - began < 30
    assert account.asked == ["cancel the update", "stop the rollout: ROLLBACK"]


def test_nothing_is_asked_before_a_stop() -> None:
    account = Account()

    winding(account, Stop()).sleep(0.001)

    assert account.asked == []


def test_an_update_is_cancelled_once_and_a_rollout_that_begins_late_is_stopped_too() -> None:
    account, stop = Account(rollout="SUCCESSFUL"), Stop()
    wound = winding(account, stop)
    stop.request()

    wound.sleep(1)
    account.rollout = "IN_PROGRESS"
    wound.sleep(1)

    assert account.asked == ["cancel the update", "stop the rollout: ROLLBACK"]


def test_the_way_back_itself_is_not_stopped() -> None:
    account, stop = Account(), Stop()
    wound = winding(account, stop)
    stop.request()
    wound.sleep(1)
    account.asked.clear()

    account.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    wound.sleep(1)

    assert account.asked == []


def test_a_stack_that_is_being_made_is_deleted_once() -> None:
    account, stop = Account("CREATE_IN_PROGRESS"), Stop()
    wound = winding(account, stop)
    stop.request()

    wound.sleep(1)
    wound.sleep(1)

    assert account.asked == ["delete"]


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_what_has_ended_is_left_alone(status: str) -> None:
    account, stop = Account(status), Stop()
    stop.request()

    winding(account, stop).sleep(1)

    assert account.asked == []
