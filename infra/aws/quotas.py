"""Service Quotas: how much of something AWS lets this account have."""

from __future__ import annotations

from infra.aws.client import Client, MakeClient


class Quotas:
    """One account's quotas in one region."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("service-quotas", make)

    def applied(self, service: str, names: frozenset[str]) -> dict[str, int]:
        """Return the applied values of a service's quotas by their names in the console. Raises AwsError."""
        return {
            entry["QuotaName"]: int(entry["Value"])
            for entry in self._client.items("list_service_quotas", "Quotas", ServiceCode=service)
            if entry["QuotaName"] in names
        }
