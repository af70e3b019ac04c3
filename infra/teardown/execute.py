"""Carries out the steps of a teardown; what is gone already is fine, and what holds a stack is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatchmethod

from infra.aws import Aws
from infra.aws.cloudformation import Event, in_progress
from infra.aws.waiting import attempts
from infra.errors import AwsError, EstaleiroError, NotFound
from infra.events import Reporter
from infra.graph import Outcome, run_graph
from infra.teardown.holders import holders
from infra.teardown.plan import TeardownPlan
from infra.teardown.steps import (
    DeleteStack,
    EmptyBucket,
    FreeDatabase,
    FreeGroup,
    FreeProvider,
    QuietService,
    ReleaseHosts,
    Step,
    StopTask,
    Sweep,
    TakeSnapshot,
)
from infra.teardown.sweeping import sweep

REASON = "the environment is torn down"
AT_REST = (
    "available",
    "stopped",
    "failed",
    "storage-full",
    "incompatible-parameters",
    "incompatible-restore",
)


@dataclass(frozen=True)
class Limits:
    """How long what may hang is waited for. Seconds."""

    drain: float = 180.0
    hosts: float = 180.0
    database: float = 1800.0
    stack: float = 3600.0


@dataclass
class Teardown:
    """Everything that the steps of one teardown share."""

    aws: Aws
    reporter: Reporter
    bucket: str
    limits: Limits = Limits()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self, plan: TeardownPlan) -> Outcome:
        """Carry out every step; a failure stops what depends on it and lets the rest finish."""
        steps = {step.id: step for step in plan.steps}

        def work(name: str) -> None:
            self.reporter.tell("started", name)
            try:
                text = self._do(steps[name])
            except EstaleiroError as error:
                self.reporter.tell("failed", name, str(error))
                raise
            self.reporter.tell("done", name, text or "")

        return run_graph({step.id: step.needs for step in plan.steps}, work)

    @singledispatchmethod
    def _do(self, step: Step) -> str | None:
        raise TypeError(f"no rule says how to do {step!r}")

    @_do.register
    def _(self, step: StopTask) -> str | None:
        self.aws.ecs.stop_task(step.cluster, step.arn, REASON)
        for _ in self._attempts(self.limits.drain):
            left = self.aws.ecs.tasks(step.cluster, [step.arn])
            if not left or left[0].status == "STOPPED":
                return None
        return "does not stop; its host is taken from the cluster"

    @_do.register
    def _(self, step: QuietService) -> str | None:
        """A service that does not drain does not stop the teardown: its hosts are taken from it."""
        try:
            if step.scaled:
                self.aws.scaling.suspend(step.cluster, step.name)
            self.aws.ecs.update_service(step.cluster, step.name, desired=0)
        except NotFound:
            return "is gone"
        except AwsError as error:
            if error.code not in ("ServiceNotActiveException", "ServiceNotFoundException"):
                raise
        for _ in self._attempts(self.limits.drain):
            found = self.aws.ecs.services(step.cluster, [step.name]).get(step.name)
            left = found.running + found.pending if found else 0
            if not left:
                return None
        return f"{left} tasks do not stop; their hosts are taken from the cluster"

    @_do.register
    def _(self, step: FreeProvider) -> str | None:
        self.aws.ecs.free_provider(step.name)
        return None

    @_do.register
    def _(self, step: FreeGroup) -> str | None:
        self.aws.autoscaling.clear_protection(step.name)
        return None

    @_do.register
    def _(self, step: ReleaseHosts) -> str | None:
        for name in step.groups:
            group = self.aws.autoscaling.group(name)
            if group is not None and group.maximum:
                self.aws.autoscaling.set_sizes(name, minimum=0, maximum=0, desired=0)
        for _ in self._attempts(self.limits.hosts):
            hosts = self.aws.ecs.container_instances(step.cluster)
            if not any(host.connected for host in hosts):
                break
        for host in hosts:
            self.aws.ecs.deregister_host(step.cluster, host.arn, force=True)
        for name in step.groups if hosts else ():
            self.aws.autoscaling.let_go(name)
        return f"{len(hosts)} deregistered by force" if hosts else None

    @_do.register
    def _(self, step: EmptyBucket) -> str | None:
        return f"{self.aws.s3.bucket(step.name).empty()} versions"

    @_do.register
    def _(self, step: FreeDatabase) -> str | None:
        for _ in self._attempts(self.limits.database):
            found = self.aws.rds.instance(step.database)
            if found is None or found.status in (*AT_REST, "deleting"):
                break
            self.reporter.tell("progress", step.id, f"is {found.status}")
        else:
            raise EstaleiroError(
                f"database {step.database} is still {found.status if found else 'there'} after "
                f"{self.limits.database:.0f} s; look at its events and run teardown again"
            )
        if found is not None and found.protected:
            self.aws.rds.clear_protection(step.database)
        return None

    @_do.register
    def _(self, step: TakeSnapshot) -> str | None:
        if self.aws.rds.snapshot(step.snapshot) is None:
            self.aws.rds.create_snapshot(step.database, step.snapshot, {})
        self.aws.rds.wait_snapshot(
            step.snapshot, deadline_seconds=self.limits.database, clock=self.clock, sleep=self.sleep
        )
        return step.snapshot

    @_do.register
    def _(self, step: DeleteStack) -> str | None:
        """A deletion that fails is tried once more: what held it may have been on its way out."""
        self._settle(step)
        try:
            self._delete(step)
        except AwsError:
            self.reporter.tell("progress", step.id, "failed; trying once more")
            try:
                self._delete(step)
            except AwsError as error:
                raise EstaleiroError(f"{error}{holders(self.aws, step.name)}; run teardown again") from error
        return None

    @_do.register
    def _(self, step: Sweep) -> str | None:
        return sweep(self.aws, self.bucket, step)

    def _settle(self, step: DeleteStack) -> None:
        """Wait for what somebody began; only a creation or a deletion may be deleted in the middle."""
        state = self.aws.cloudformation.stack(step.name)
        if state is None or not in_progress(state.status):
            return
        if state.status in ("CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
            return
        self.reporter.tell("progress", step.id, f"is {state.status} already; waiting for its end")
        try:
            self._wait(step)
        except AwsError:
            return

    def _delete(self, step: DeleteStack) -> None:
        state = self.aws.cloudformation.stack(step.name)
        if state is None:
            return
        if state.protected:
            self.aws.cloudformation.set_protection(step.name, False)
        self.aws.cloudformation.delete_stack(step.name)
        self._wait(step)

    def _wait(self, step: DeleteStack) -> None:
        def on_event(event: Event) -> None:
            if event.logical_id != step.name:
                self.reporter.tell("progress", step.id, event.status, about=event.logical_id)

        self.aws.cloudformation.wait(
            step.name,
            deadline_seconds=self.limits.stack,
            clock=self.clock,
            sleep=self.sleep,
            on_event=on_event,
        )

    def _attempts(self, seconds: float) -> Iterator[float]:
        return attempts(seconds, clock=self.clock, sleep=self.sleep)
