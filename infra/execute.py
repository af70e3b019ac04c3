"""Step to call, in dependency order, in parallel where free; nothing else in the tool changes what runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatchmethod

from infra.aws import Aws
from infra.config import Config
from infra.errors import EstaleiroError
from infra.events import Reporter
from infra.fleet.failure import why_no_host
from infra.fleet.refreshing import Refreshing
from infra.fleet.replacement import Patience
from infra.graph import Outcome, run_graph
from infra.interruption import Stop
from infra.migrations.applied import reached
from infra.rollouts.verdict import Rollout
from infra.stack_changes import StackChanger
from infra.steps import (
    Actual,
    AwaitHosts,
    CreateStack,
    DeleteStack,
    Judge,
    Plan,
    PushImage,
    RefreshHosts,
    RunTask,
    SmokeTest,
    Step,
    UpdateStack,
)
from infra.tasks.one_off import TaskRunner
from infra.tasks.requests import request_for

POLL_SECONDS = 1.0
AT_ONCE = 16


@dataclass
class Execution:
    """Everything that the steps of one deploy share. `release` names this deploy."""

    aws: Aws
    config: Config
    reporter: Reporter
    actual: Actual
    release: str
    smoke: Callable[[str], None]
    push: Callable[[str], None]
    migrated: Callable[[str, str], None] = lambda service, revision: None
    stop: Stop = field(default_factory=Stop)
    clock: Callable[[], float] = time.monotonic
    stacks: StackChanger = field(init=False)
    began: float = field(init=False)
    in_flight: set[str] = field(default_factory=set)
    at_once: int = AT_ONCE

    def __post_init__(self) -> None:
        self.stacks = StackChanger(self.aws, self.config, self.reporter, self.actual, stop=self.stop)
        self.began = time.time()

    def run(self, plan: Plan) -> Outcome:
        """Carry out every step; a failure stops what depends on it and lets the rest finish.

        After a stop nothing new begins, and what is in flight is rolled back.
        """
        steps = {step.id: step for step in plan.steps}

        def work(name: str) -> None:
            self.reporter.tell("started", name)
            self.in_flight.add(name)
            try:
                text = self._do(steps[name])
            except EstaleiroError as error:
                self.reporter.tell("failed", name, str(error))
                raise
            finally:
                self.in_flight.discard(name)
            self.reporter.tell("done", name, text or "")

        return run_graph(
            {step.id: step.needs for step in plan.steps},
            work,
            workers=self.at_once,
            stopped=lambda: self.stop.requested,
        )

    @singledispatchmethod
    def _do(self, step: Step) -> str | None:
        raise TypeError(f"no rule says how to do {step!r}")

    @_do.register
    def _(self, step: PushImage) -> str | None:
        self.push(step.reference)
        return None

    @_do.register
    def _(self, step: CreateStack) -> str | None:
        return self.stacks.create(step)

    @_do.register
    def _(self, step: UpdateStack) -> str | None:
        return self.stacks.update(step)

    @_do.register
    def _(self, step: DeleteStack) -> str | None:
        return self.stacks.delete(step.id, step.name)

    @_do.register
    def _(self, step: RefreshHosts) -> str | None:
        deploy = self.config.environment.deploy
        Refreshing(
            self.aws,
            self.stacks.output("cluster", "HostsGroup"),
            cluster=self.stacks.output("cluster", "ClusterName"),
            patience=Patience(drain=deploy.service_seconds, connect=deploy.hosts_ready_seconds),
            told=lambda text: self.reporter.tell("progress", step.id, text),
            clock=self.clock,
            sleep=self.stop.sleep,
        ).run()
        return None

    @_do.register
    def _(self, step: AwaitHosts) -> str | None:
        cluster = self.stacks.output("cluster", "ClusterName")
        deadline = self.clock() + self.config.environment.deploy.hosts_ready_seconds
        while True:
            hosts = self.aws.ecs.container_instances(cluster)
            ready = sum(host.connected and host.status == "ACTIVE" for host in hosts)
            if ready >= step.count:
                return f"{ready} connected"
            if self.clock() >= deadline:
                connected = [host.instance for host in hosts if host.takes_tasks]
                why = why_no_host(self.aws, self.stacks.output("cluster", "HostsGroup"), connected)
                raise EstaleiroError(f"{ready} of {step.count} hosts connected in time{why}")
            self.stop.sleep(POLL_SECONDS)

    @_do.register
    def _(self, step: RunTask) -> str | None:
        request = request_for(
            self.config, self.stacks.outputs, step.service, step.task, token=f"{self.release}-{step.id}"
        )
        said: list[str] = []

        def line(text: str) -> None:
            said.append(text)
            self.reporter.tell("log", step.id, text)

        try:
            result = TaskRunner(self.aws, line=line, sleep=self.stop.sleep).run(request)
        finally:
            if step.task == "migrate" and (revision := reached(said)):
                self.migrated(step.service, revision)
        if not result.succeeded:
            raise EstaleiroError(f"the {step.task} task of {step.service} failed: {result.explanation}")
        return None

    @_do.register
    def _(self, step: Judge) -> str | None:
        return Rollout(self.aws, self.config, self.stacks.outputs, sleep=self.stop.sleep).judge(
            step.service, since=self.began
        )

    @_do.register
    def _(self, step: SmokeTest) -> str | None:
        self.smoke(self.stacks.output("edge", "Url"))
        return None
