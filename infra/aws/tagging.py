"""Everything that carries a tag, of whatever kind, as far as AWS's tagging service knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from infra.aws import tags as spelling
from infra.aws.client import Client, MakeClient


class TaggedResource(NamedTuple):
    """A resource and all its tags. Some kinds show for a while after their end, so ask their own service as well."""

    arn: str
    tags: dict[str, str]


class Tagging:
    """The Resource Groups Tagging API."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("resourcegroupstaggingapi", make)

    def resources(self, tags: Mapping[str, str]) -> tuple[TaggedResource, ...]:
        """Return what carries all these tags with exactly these values, by ARN. IAM's and some others never show."""
        found = self._client.items(
            "get_resources",
            "ResourceTagMappingList",
            TagFilters=[{"Key": key, "Values": [tags[key]]} for key in sorted(tags)],
        )
        resources = (
            TaggedResource(entry["ResourceARN"], spelling.from_aws(entry.get("Tags"))) for entry in found
        )
        return tuple(
            sorted((one for one in resources if tags.items() <= one.tags.items()), key=lambda one: one.arn)
        )
