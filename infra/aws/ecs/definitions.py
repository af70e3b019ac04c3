"""Task definitions: read, and retired; making them is CloudFormation's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from infra.aws import tags
from infra.aws.batches import batches
from infra.aws.client import Client
from infra.errors import AwsError


class TaskDefinitions:
    """The revisions of each family."""

    _client: Client

    def task_definition(self, arn: str) -> dict[str, Any]:
        """Return a revision (or a family's newest) as ECS words it, with its tags as a mapping under `tags`.

        Raises NotFound.
        """
        answer = self._client.call("describe_task_definition", taskDefinition=arn, include=["TAGS"])
        definition: dict[str, Any] = {**answer["taskDefinition"], "tags": tags.from_aws(answer.get("tags"))}
        return definition

    def task_definitions(
        self, family_prefix: str, status: Literal["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"] = "ACTIVE"
    ) -> tuple[str, ...]:
        """Return the ARNs of every revision whose family begins with `family_prefix`, newest of a family first."""
        # ListTaskDefinitions' familyPrefix is a whole family name; only this operation knows beginnings of names.
        families = self._client.items(
            "list_task_definition_families", "families", familyPrefix=family_prefix, status="ALL"
        )
        return tuple(
            arn
            for family in sorted(families)
            for arn in self._client.items(
                "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status=status, sort="DESC"
            )
        )

    def deregister_task_definition(self, arn: str) -> None:
        """Retire a revision: nothing new starts from it, what runs goes on. Raises NotFound."""
        self._client.call("deregister_task_definition", taskDefinition=arn)

    def delete_task_definitions(self, arns: Iterable[str]) -> None:
        """Delete retired revisions for good. Raises AwsError, with every one that ECS would not delete."""
        refused: list[str] = []
        # DeleteTaskDefinitions takes 10 at a time.
        for batch in batches(arns, 10):
            answer = self._client.call("delete_task_definitions", taskDefinitions=list(batch))
            refused += [
                f"{one.get('arn')} ({one.get('reason', 'no reason given')})"
                for one in answer.get("failures") or ()
            ]
        if refused:
            raise AwsError(
                f"ECS did not delete {', '.join(refused)}; deregister them first", code="TaskDefinitions"
            )
