"""Roles: who may take them on, and the ones that AWS's own services need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infra.aws.client import Client, MakeClient
from infra.errors import NotFound


@dataclass(frozen=True)
class Role:
    """A role. `trust` is its AssumeRolePolicyDocument; `boundary` its permissions boundary's ARN."""

    name: str
    arn: str
    path: str
    trust: dict[str, Any] = field(default_factory=dict)
    boundary: str | None = None


class Iam:
    """One account's roles."""

    def __init__(self, make: MakeClient) -> None:
        self._client = Client("iam", make)

    def role(self, name: str) -> Role | None:
        """Return a role by its name (the last part of its ARN), None where there is none."""
        try:
            entry = self._client.call("get_role", RoleName=name.rpartition("/")[2])["Role"]
        except NotFound:
            return None
        trust = entry.get("AssumeRolePolicyDocument")
        return Role(
            name=entry["RoleName"],
            arn=entry["Arn"],
            path=entry["Path"],
            trust=trust if isinstance(trust, dict) else {},
            boundary=(entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        )

    def roles(self, path_prefix: str) -> tuple[str, ...]:
        """Return the names of the roles under a path, e.g. `/estaleiro/staging/`."""
        return tuple(
            sorted(
                entry["RoleName"]
                for entry in self._client.items("list_roles", "Roles", PathPrefix=path_prefix)
            )
        )

    def service_linked_role_exists(self, service: str) -> bool:
        """Say whether a service, e.g. `ecs.amazonaws.com`, has its own role in this account."""
        return bool(self.roles(f"/aws-service-role/{service}/"))

    def create_service_linked_role(self, service: str) -> None:
        """Make a service's own role. Raises AwsError where there is one."""
        self._client.call("create_service_linked_role", AWSServiceName=service)

    def oidc_providers(self) -> tuple[str, ...]:
        """Return the ARNs of the account's OIDC providers; their names end with the issuer's address."""
        answer = self._client.call("list_open_id_connect_providers")
        return tuple(sorted(entry["Arn"] for entry in answer.get("OpenIDConnectProviderList") or ()))
