"""Hosted zones of Route 53."""

from __future__ import annotations

from dataclasses import dataclass

from infra.aws.client import Client, MakeClient
from infra.errors import NotFound


@dataclass(frozen=True)
class Zone:
    """A hosted zone. `name` ends with a dot, as Route 53 has it."""

    id: str
    name: str
    private: bool


class Zones:
    """One account's zones."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("route53", make)

    def zone(self, id: str) -> Zone | None:
        """Return a zone, None where the account has none by that id."""
        try:
            entry = self._client.call("get_hosted_zone", Id=id)["HostedZone"]
        except NotFound:
            return None
        private = bool((entry.get("Config") or {}).get("PrivateZone"))
        return Zone(entry["Id"].rpartition("/")[2], entry["Name"], private)
