"""A local cloud of a test's own: free ports, a name of its own, and the few calls that tests make again and again."""

from __future__ import annotations

import functools
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

from infra.local.settings import Settings
from tests.ports import free_port

ACCOUNT = "000000000000"
REGION = "eu-west-1"


def settings(state: Path, postgres_image: str) -> Settings:
    """Return settings that collide with nothing on this machine."""
    return Settings(
        name=f"est-test-{uuid.uuid4().hex[:8]}",
        state=state,
        postgres_image=postgres_image,
        api_port=free_port(),
        edge_port=free_port(),
    )


def wait_for(what: str, condition: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Return the first true value of `condition`; fail, naming what was waited for, when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


@dataclass(frozen=True)
class Failed:
    """A resource that an operation could not make, change or remove."""

    logical_id: str
    status: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """How a stack operation ended: the stack's status, its outputs, and what failed, first one first."""

    status: str
    outputs: Mapping[str, str]
    failures: tuple[Failed, ...]


@functools.cache
def _client(endpoint_url: str, service: str) -> Any:
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


@dataclass(frozen=True)
class Cloud:
    """A running local cloud."""

    settings: Settings

    def client(self, service: str) -> Any:
        """Return a client of the cloud's API."""
        return _client(self.settings.endpoint_url, service)

    def change_set(self, stack: str, template: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Make a change set and return its description with the properties' values."""
        cloudformation = self.client("cloudformation")
        name = f"change-{uuid.uuid4().hex[:8]}"
        cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if self.exists(stack) else "CREATE",
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **more,
        )
        found: dict[str, Any] = cloudformation.describe_change_set(
            StackName=stack, ChangeSetName=name, IncludePropertyValues=True
        )
        return found

    def deploy(self, stack: str, template: Mapping[str, Any], **more: Any) -> Outcome:
        """Make and execute a change set, and wait for its end."""
        made = self.change_set(stack, template, **more)
        assert made["Status"] == "CREATE_COMPLETE", made.get("StatusReason")
        self.client("cloudformation").execute_change_set(StackName=stack, ChangeSetName=made["ChangeSetName"])
        return self.outcome(stack)

    def delete(self, stack: str) -> Outcome:
        """Delete a stack and wait for its end."""
        cloudformation = self.client("cloudformation")
        stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
        cloudformation.delete_stack(StackName=stack)
        return self.outcome(stack_id)

    def outcome(self, stack: str) -> Outcome:
        """Wait until the stack's operation has ended."""
        cloudformation = self.client("cloudformation")

        def ended() -> Any:
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
            return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

        found = wait_for(f"the end of {stack}'s operation", ended, seconds=120)
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
        events = cloudformation.describe_stack_events(StackName=found["StackId"])["StackEvents"]
        failures = [
            Failed(event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED")
            and event["LogicalResourceId"] != found["StackName"]
        ]
        return Outcome(found["StackStatus"], outputs, tuple(failures))

    def exists(self, stack: str) -> bool:
        """Tell whether there is such a stack; one that a change set was only made for does not count."""
        try:
            found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except botocore.exceptions.ClientError:
            return False
        return found["StackStatus"] != "REVIEW_IN_PROGRESS"

    def resources(self, stack: str) -> dict[str, str]:
        """Return the physical ids by logical id."""
        found = self.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
