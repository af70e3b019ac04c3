"""DNS: the records of a zone, and their removal."""

from __future__ import annotations

import json
from dataclasses import dataclass

from infra.aws.client import Client, MakeClient
from infra.errors import AwsError


@dataclass(frozen=True)
class Record:
    """One record set; `body` is the whole of it as JSON, which Route 53 wants back when it is to be deleted."""

    name: str
    type: str
    body: str = ""


class Route53:
    """One account's zones."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("route53", make)

    def records(self, zone: str) -> tuple[Record, ...]:
        """Return a zone's records by name. Raises NotFound where there is no zone."""
        found = self._client.items("list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
        records = (Record(entry["Name"], entry["Type"], json.dumps(entry, sort_keys=True)) for entry in found)
        return tuple(sorted(records, key=lambda one: (one.name, one.type)))

    def delete_record(self, zone: str, body: str) -> None:
        """Delete a record; one that is gone, or another by now, is left alone."""
        change = {"Action": "DELETE", "ResourceRecordSet": json.loads(body)}
        try:
            self._client.call(
                "change_resource_record_sets", HostedZoneId=zone, ChangeBatch={"Changes": [change]}
            )
        except AwsError as error:
            if error.code != "InvalidChangeBatch":
                raise
