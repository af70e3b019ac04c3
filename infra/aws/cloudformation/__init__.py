"""Stacks: what is deployed, what would change, and the calls that change it. Every change goes through a change set."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient
from infra.aws.cloudformation import change_sets, values
from infra.aws.cloudformation.change_sets import Kind
from infra.aws.cloudformation.drift import Drift, drifted
from infra.aws.cloudformation.status import GONE, ROLLED_BACK, SUCCEEDED, in_progress, is_failed, is_terminal
from infra.aws.cloudformation.values import (
    Change,
    ChangeSet,
    Event,
    PropertyChange,
    StackFailed,
    StackResource,
    StackState,
)
from infra.aws.cloudformation.watch import Watch
from infra.aws.s3 import Buckets
from infra.aws.waiting import Clock, Sleep
from infra.errors import AwsError, NotFound

__all__ = [
    "GONE",
    "ROLLED_BACK",
    "SUCCEEDED",
    "Change",
    "ChangeSet",
    "CloudFormation",
    "Drift",
    "Event",
    "PropertyChange",
    "StackFailed",
    "StackResource",
    "StackState",
    "in_progress",
    "is_failed",
    "is_terminal",
]

# Bytes; CloudFormation quotas, "template body size in a request" and "in an Amazon S3 object".
INLINE_LIMIT = 51_200
TEMPLATE_LIMIT = 1_048_576


class CloudFormation:
    """One account's stacks in one region. Names may be given as a stack's id as well, which outlives the stack."""

    def __init__(self, make: MakeClient, buckets: Buckets) -> None:
        self._client = Client("cloudformation", make)
        self._buckets = buckets
        self._before: dict[str, str | None] = {}

    def stacks(self, prefix: str = "", *, names: Collection[str] | None = None) -> dict[str, StackState]:
        """Return every stack that is not deleted, by name; with `names`, none but these."""
        found = map(values.stack_state, self._client.items("describe_stacks", "Stacks"))
        return {
            state.name: state
            for state in found
            if state.status != GONE
            and state.name.startswith(prefix)
            and (names is None or state.name in names)
        }

    def stack(self, name: str) -> StackState | None:
        """Return one stack, None where there is none or it is deleted."""
        try:
            answer = self._client.call("describe_stacks", StackName=name)["Stacks"]
        except NotFound:
            return None
        state = values.stack_state(answer[0]) if answer else None
        return state if state is not None and state.status != GONE else None

    def template(self, name: str) -> str:
        """Return the deployed template as it was sent. Raises NotFound."""
        body = self._client.call("get_template", StackName=name, TemplateStage="Original")["TemplateBody"]
        # Where `connect` did not make the client, botocore has parsed the text.
        return body if isinstance(body, str) else json.dumps(body, sort_keys=True)

    def resources(self, name: str) -> tuple[StackResource, ...]:
        """Return a stack's resources. Raises NotFound."""
        found = self._client.items("list_stack_resources", "StackResourceSummaries", StackName=name)
        return tuple(map(values.stack_resource, found))

    def create_change_set(  # noqa: PLR0913  (CreateChangeSet's own breadth; all but the name by keyword)
        self,
        name: str,
        *,
        template: str,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
        kind: Kind,
        description: str = "",
        bucket: str | None = None,
        sleep: Sleep = time.sleep,
    ) -> ChangeSet:
        """Make a change set for stack `name` and wait until it is ready; one without changes is `empty` and gone.

        `bucket` takes a template of more than 51,200 bytes. Raises AwsError with CloudFormation's reason.
        """
        return change_sets.create(
            self._client,
            sleep=sleep,
            StackName=name,
            ChangeSetName=f"deploy-{uuid.uuid4().hex[:12]}",
            ChangeSetType=kind,
            Description=description or "made by a deploy",
            Parameters=change_sets.parameters(parameters),
            Tags=spelling.to_aws(tags),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **self._template_source(template, bucket),
        )

    def execute_change_set(self, change_set: ChangeSet, *, disable_rollback: bool = False) -> None:
        """Start the change; `wait` watches it. Raises AwsError when it is out of date."""
        self._mark(change_set.stack)
        self._client.call(
            "execute_change_set",
            StackName=change_set.stack,
            ChangeSetName=change_set.id,
            DisableRollback=disable_rollback,
        )

    def delete_change_set(self, change_set: ChangeSet) -> None:
        """Forget a change set, and the empty stack that one for a new stack leaves in review."""
        change_sets.discard(self._client, change_set.stack, change_set.id)

    def delete_stack(self, name: str, retain: Sequence[str] = ()) -> None:
        """Start a stack's deletion. `retain` (logical ids) is allowed only after a DELETE_FAILED."""
        more = {"RetainResources": list(retain)} if retain else {}
        self._mark(name)
        self._client.call("delete_stack", StackName=name, **more)

    def set_protection(self, name: str, on: bool) -> None:
        """Turn termination protection on or off. Raises NotFound."""
        self._client.call("update_termination_protection", StackName=name, EnableTerminationProtection=on)

    def continue_rollback(self, name: str, skip: Sequence[str] = ()) -> None:
        """Go on from UPDATE_ROLLBACK_FAILED, leaving the resources `skip` (logical ids) as they are."""
        more = {"ResourcesToSkip": list(skip)} if skip else {}
        self._mark(name)
        self._client.call("continue_update_rollback", StackName=name, **more)

    def rollback_stack(self, name: str) -> None:
        """Go back from CREATE_FAILED or UPDATE_FAILED to the last known good state."""
        self._mark(name)
        self._client.call("rollback_stack", StackName=name)

    def cancel_update(self, name: str) -> None:
        """Stop an update that is in progress; CloudFormation rolls it back."""
        self._mark(name)
        self._client.call("cancel_update_stack", StackName=name)

    def drift(
        self, name: str, *, clock: Clock = time.monotonic, sleep: Sleep = time.sleep
    ) -> tuple[Drift, ...]:
        """Return what somebody changed by hand; takes seconds. Raises NotFound, AwsError."""
        return drifted(self._client, name, clock=clock, sleep=sleep)

    def validate(self, template: str, *, bucket: str | None = None) -> None:
        """Raise AwsError where CloudFormation cannot read the template."""
        self._client.call("validate_template", **self._template_source(template, bucket))

    def events(self, name: str, after: str | None = None) -> tuple[Event, ...]:
        """Return the events newer than the one whose id is `after`, oldest first; with None, all of them.

        Raises NotFound.
        """
        newer: list[Event] = []
        for found in map(
            values.event, self._client.items("describe_stack_events", "StackEvents", StackName=name)
        ):
            if found.id == after:
                break
            newer.append(found)
        return tuple(reversed(newer))

    def wait(
        self,
        name: str,
        *,
        deadline_seconds: float,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        on_event: Callable[[Event], None] = lambda event: None,
        on_silence: Callable[[str], None] = lambda why: None,
        good: Collection[str] = SUCCEEDED,
    ) -> StackState:
        """Watch the stack's operation to its end and return the state; a stack that is gone is DELETE_COMPLETE.

        The operation is the one that this object began on `name`, else the last one that anybody did. `on_silence` is
        told when AWS stops answering, which ends no wait. Raises StackFailed with the first failure's reason when the end
        is not among `good`, AwsError on time-out.
        """
        watch = Watch(
            self, name, after=self._before.pop(name, None), on_event=on_event, on_silence=on_silence
        )
        return watch.to_the_end(deadline_seconds, clock=clock, sleep=sleep, good=good)

    def _mark(self, name: str) -> None:
        """Remember where the history stands, so that `wait` cannot take the old status for the new one's."""
        try:
            newest = next(self._client.items("describe_stack_events", "StackEvents", StackName=name), None)
        except NotFound:
            newest = None
        self._before[name] = None if newest is None else newest["EventId"]

    def _template_source(self, template: str, bucket: str | None) -> dict[str, str]:
        body = template.encode()
        if len(body) <= INLINE_LIMIT:
            return {"TemplateBody": template}
        if len(body) > TEMPLATE_LIMIT:
            raise AwsError(
                f"a template of {len(body)} bytes is over CloudFormation's {TEMPLATE_LIMIT}; split the stack"
            )
        if bucket is None:
            raise AwsError(f"a template of {len(body)} bytes needs the state bucket; run `bootstrap` first")
        key = f"templates/{hashlib.sha256(body).hexdigest()}.json"
        self._buckets.bucket(bucket).put(key, body)
        return {"TemplateURL": self._buckets.url(bucket, key)}
