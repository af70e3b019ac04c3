"""Hosts replaced one at a time: emptied, ended, their successor awaited; the first that fails ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.aws import Aws
from infra.aws.ecs import Host
from infra.errors import EstaleiroError, Refused
from infra.fleet.failure import why_no_host
from infra.fleet.hosts import Place

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for a host's tasks to be elsewhere, and for its successor's agent."""

    drain: float
    connect: float


class Replacement:
    """Works on the hosts of one environment. `told` hears of each instance what becomes of it."""

    def __init__(
        self,
        aws: Aws,
        where: Place,
        *,
        patience: Patience,
        told: Callable[[str, str], None] = lambda instance, text: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._where = where
        self._patience = patience
        self._told = told
        self._clock = clock
        self._sleep = sleep

    def drain(self, instance: str) -> None:
        """Move a host's tasks elsewhere and leave it draining.

        Raises EstaleiroError when they have not gone in time, and Refused when they have nowhere to go; then, and
        when interrupted, the host takes tasks again.
        """
        host = self._host(instance)
        if not host.connected:
            raise EstaleiroError(
                f"{instance}: its agent is not connected, so it can stop no task; `hosts replace` ends such a host"
            )
        self._guard(host)
        steady = self._steady()
        self._told(instance, f"draining; {host.running + host.pending} tasks")
        self._aws.ecs.drain_host(self._where.cluster, host.arn)
        try:
            self._await_empty(instance, steady)
        except BaseException:
            self._aws.ecs.activate_host(self._where.cluster, host.arn)
            raise
        self._told(instance, "its tasks run elsewhere")

    def replace(self, instances: Sequence[str]) -> tuple[str, ...]:
        """Replace hosts one after the other; return the new ones. Raises EstaleiroError at the first that fails."""
        done: list[str] = []
        for number, instance in enumerate(instances):
            try:
                done.append(self._replace(instance))
            except EstaleiroError as error:
                rest = ", ".join(instances[number + 1 :]) or "none"
                raise type(error)(f"{error}\nreplaced before: {number}; not touched: {rest}") from error
        return tuple(done)

    def _replace(self, instance: str) -> str:
        registered = {host.instance: host for host in self._hosts()}
        group = self._aws.autoscaling.group(self._where.group)
        known = registered.keys() | {member.instance for member in (group.members if group else ())}
        if instance not in known:
            raise EstaleiroError(f"{instance} is no host of this environment; `hosts list` shows them")
        host = registered.get(instance)
        if host is not None and host.connected:
            self.drain(instance)
        self._aws.autoscaling.terminate(instance)
        if host is not None and not host.connected:
            # ECS would keep a host whose agent cannot say goodbye, and its tasks with it.
            self._aws.ecs.deregister_host(self._where.cluster, host.arn, force=True)
        self._told(instance, "ended; waiting for its successor")
        successor = self._await_successor(frozenset(known))
        self._told(instance, f"replaced by {successor}")
        return successor

    def _await_empty(self, instance: str, steady: frozenset[str]) -> None:
        deadline = self._clock() + self._patience.drain
        while True:
            left = sum(host.running + host.pending for host in self._hosts() if host.instance == instance)
            unsteady = sorted(steady - self._steady())
            if not left and not unsteady:
                return
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"{instance}: after {self._patience.drain:g} s {_unmoved(left, unsteady)}, so it takes tasks "
                    "again and was not replaced; look for room with `hosts list`, and at a task that will not stop"
                )
            self._sleep(POLL_SECONDS)

    def _await_successor(self, known: frozenset[str]) -> str:
        deadline = self._clock() + self._patience.connect
        while True:
            for host in self._hosts():
                if host.instance not in known and host.takes_tasks:
                    return host.instance
            if self._clock() >= deadline:
                raise EstaleiroError(
                    f"no new host connected within {self._patience.connect:g} s"
                    + why_no_host(self._aws, self._where.group, known)
                )
            self._sleep(POLL_SECONDS)

    def _guard(self, host: Host) -> None:
        others = [other for other in self._hosts() if other.takes_tasks and other.arn != host.arn]
        group = self._aws.autoscaling.group(self._where.group)
        grows = group is not None and group.desired < group.maximum
        if (host.running or host.pending) and not others and not grows:
            raise Refused(
                f"{host.instance} is the only host that takes tasks and its group may not grow: its tasks have "
                "nowhere to go; raise hosts.max and deploy, then try again"
            )

    def _steady(self) -> frozenset[str]:
        """The services that run as many tasks as they should."""
        names = self._aws.ecs.list_services(self._where.cluster)
        states = self._aws.ecs.services(self._where.cluster, names)
        return frozenset(name for name, state in states.items() if state.running >= state.desired)

    def _host(self, instance: str) -> Host:
        for host in self._hosts():
            if host.instance == instance:
                return host
        raise EstaleiroError(f"{instance} is no host of this environment's cluster; `hosts list` shows them")

    def _hosts(self) -> tuple[Host, ...]:
        return self._aws.ecs.container_instances(self._where.cluster)


def _unmoved(left: int, unsteady: Sequence[str]) -> str:
    words = [f"{left} of its tasks still run there"] if left else []
    words += [f"{', '.join(unsteady)} did not come up elsewhere"] if unsteady else []
    return " and ".join(words)
