"""Creates, updates and deletes stacks through change sets, and keeps the outputs that later steps need."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Literal

from infra.aws import Aws
from infra.aws.cloudformation import ChangeSet, Event, StackState, in_progress
from infra.config import Config
from infra.data_loss import losses
from infra.differences import ResourceChange
from infra.errors import AwsError, EstaleiroError, Interrupted, Refused
from infra.events import Reporter
from infra.interruption import Stop
from infra.naming import state_bucket
from infra.outlook.recreation import with_replacements
from infra.rollouts.watch import CauseWatch
from infra.stacks.model import Output, Resolved, Stack
from infra.steps import Actual, CreateStack, UpdateStack
from infra.winding_down import Winding


class StackChanger:
    """The stacks of one environment while a deploy runs; safe to use from several threads."""

    def __init__(
        self,
        aws: Aws,
        config: Config,
        reporter: Reporter,
        actual: Actual,
        *,
        stop: Stop,
    ) -> None:
        self._aws = aws
        self._config = config
        self._reporter = reporter
        self._actual = actual
        self._stop = stop
        self._lock = threading.Lock()
        self._outputs: dict[str, Mapping[str, str]] = {
            part: stack.outputs for part, stack in actual.stacks.items()
        }

    @property
    def outputs(self) -> Mapping[str, Mapping[str, str]]:
        """The outputs of every stack by part, as of the steps done so far."""
        with self._lock:
            return dict(self._outputs)

    def output(self, part: str, key: str) -> str:
        """Return one output. Raises EstaleiroError when the stack does not give it."""
        try:
            return self.outputs[part][key]
        except KeyError:
            raise EstaleiroError(f"stack part {part!r} has no output {key!r}; deploy it first") from None

    def create(self, step: CreateStack) -> str | None:
        """Make a stack; what a failed create left is deleted first, since it holds nothing."""
        stack = step.stack
        state = self._settled(stack.name)
        if state is not None and step.over_failed:
            self._aws.cloudformation.delete_stack(stack.name)
            self._wait(step.id, stack.name)
            state = None
        return self._apply(step.id, stack, "CREATE" if state is None else "UPDATE", shown=None)

    def update(self, step: UpdateStack) -> str | None:
        """Bring a stack to its template; refuses what the plan did not show."""
        state = self._settled(step.stack.name)
        if state is not None and state.status == "UPDATE_ROLLBACK_FAILED":
            self._aws.cloudformation.continue_rollback(step.stack.name)
            self._wait(step.id, step.stack.name, failure_is_end=True)
        return self._apply(step.id, step.stack, "UPDATE", shown=step.changes)

    def delete(self, step: str, name: str) -> str | None:
        """Delete a stack and wait until it is gone."""
        self._settled(name)
        self._aws.cloudformation.set_protection(name, False)
        self._aws.cloudformation.delete_stack(name)
        self._wait(step, name)
        return None

    def _settled(self, name: str) -> StackState | None:
        """Attach to what an earlier command left running."""
        state = self._aws.cloudformation.stack(name)
        if state is not None and in_progress(state.status) and state.status != "REVIEW_IN_PROGRESS":
            self._reporter.tell("progress", name, f"is {state.status} already; waiting for it to end")
            state = self._wait(name, name, failure_is_end=True)
        return state

    def _apply(
        self,
        step: str,
        stack: Stack,
        kind: Literal["CREATE", "UPDATE"],
        *,
        shown: Sequence[ResourceChange] | None,
    ) -> str | None:
        bucket = self._aws.s3.bucket(self._bucket())
        for key, body in stack.objects.items():
            bucket.put_if_absent(key, body.encode())
        change_set = self._aws.cloudformation.create_change_set(
            stack.name,
            template=stack.template,
            parameters=self._values(stack),
            tags=stack.tags,
            kind=kind,
            bucket=self._bucket(),
        )
        if change_set.empty:
            self._keep(stack.part, self._aws.cloudformation.stack(stack.name))
            return "no change"
        if shown is not None:
            self._guard(change_set, shown, stack)
        self._aws.cloudformation.execute_change_set(change_set)
        self._keep(stack.part, self._wait(step, stack.name, part=stack.part))
        if stack.protected:
            self._aws.cloudformation.set_protection(stack.name, True)
        return None

    def _guard(self, change_set: ChangeSet, shown: Sequence[ResourceChange], stack: Stack) -> None:
        expected = {change.logical_id for change in shown if change.action in ("remove", "replace")}
        lost = [
            change.logical_id
            for change in losses(with_replacements(shown, change_set.changes))
            if change.logical_id not in expected
        ]
        if lost:
            self._aws.cloudformation.delete_change_set(change_set)
            raise Refused(
                f"{stack.name}: the change would replace or delete {', '.join(lost)}, which the plan did not show; "
                "nothing was changed: run `plan` again"
            )

    def _values(self, stack: Stack) -> dict[str, str]:
        return {key: self._value(value) for key, value in stack.parameters.items()}

    def _value(self, value: str | Output | Resolved) -> str:
        if isinstance(value, Output):
            return self.output(value.part, value.key)
        return self._actual.resolved[value.what] if isinstance(value, Resolved) else value

    def _keep(self, part: str, state: StackState | None) -> None:
        if state is not None:
            with self._lock:
                self._outputs[part] = state.outputs

    def _bucket(self) -> str:
        environment = self._config.environment
        return state_bucket(environment.project, environment.account, environment.region)

    def _services_of(self, part: str) -> tuple[str, tuple[str, ...]]:
        """The cluster, and the names of the ECS services that a service's own stack has."""
        outputs = self.outputs
        names = [value for key, value in outputs.get(part, {}).items() if key.endswith("Service")]
        return outputs.get("cluster", {}).get("ClusterName", ""), tuple(names)

    def _wait(
        self, step: str, name: str, *, part: str = "", failure_is_end: bool = False
    ) -> StackState | None:
        def told(about: str, text: str) -> None:
            self._reporter.tell("progress", step, text, about=about)

        watch = CauseWatch(self._aws, self._config, self.outputs, part, told=told)

        def on_event(event: Event) -> None:
            watch.look()
            if event.logical_id != name:
                told(event.logical_id, event.status)

        try:
            return self._aws.cloudformation.wait(
                name,
                deadline_seconds=self._config.environment.deploy.stack_seconds,
                sleep=watch.sleeping(Winding(self._aws, self._stop, name, self._services_of(part)).sleep),
                on_event=on_event,
                on_silence=lambda why: self._reporter.tell("warning", step, why),
            )
        except AwsError as error:
            if failure_is_end:
                return self._aws.cloudformation.stack(name)
            if self._stop.requested:
                raise Interrupted(f"was rolled back, as you asked: {error}") from error
            raise EstaleiroError(watch.explained(str(error))) from error
