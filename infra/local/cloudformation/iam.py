"""IAM types that MiniStack lacks or refers to wrongly: OpenID Connect providers, service-linked roles, inline
policies, profiles."""

from __future__ import annotations

import json

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.settings import Settings


def install(settings: Settings) -> None:
    register("AWS::IAM::OIDCProvider", OidcProvider())
    register("AWS::IAM::ServiceLinkedRole", ServiceLinkedRole())
    register("AWS::IAM::RolePolicy", RolePolicy())
    register("AWS::IAM::InstanceProfile", InstanceProfile())


class OidcProvider:
    """`AWS::IAM::OIDCProvider`; changing its clients or thumbprints makes it anew under the same ARN."""

    def create(self, wanted: Wanted) -> Made:
        spelling = {"ClientIdList": "ClientIDList"}
        values = {spelling.get(key, key): value for key, value in wanted.properties.items()}
        arn = api.send("iam", "CreateOpenIDConnectProvider", values)["OpenIDConnectProviderArn"]
        return Made(arn, {"Arn": arn})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        self.delete(existing)
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchEntity"):
            api.call("iam", "DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=existing.physical_id)


class ServiceLinkedRole:
    """`AWS::IAM::ServiceLinkedRole`."""

    def create(self, wanted: Wanted) -> Made:
        role = api.send("iam", "CreateServiceLinkedRole", wanted.properties)["Role"]["RoleName"]
        return Made(role, {"RoleName": role})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        api.call(
            "iam",
            "UpdateRole",
            RoleName=existing.physical_id,
            Description=wanted.properties.get("Description", ""),
        )
        return Made(existing.physical_id, {"RoleName": existing.physical_id})

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchEntity"):
            api.call("iam", "DeleteServiceLinkedRole", RoleName=existing.physical_id)


class RolePolicy:
    """`AWS::IAM::RolePolicy`."""

    def create(self, wanted: Wanted) -> Made:
        values = wanted.properties
        api.call(
            "iam",
            "PutRolePolicy",
            RoleName=values["RoleName"],
            PolicyName=values["PolicyName"],
            PolicyDocument=json.dumps(values["PolicyDocument"]),
        )
        return Made(f"{values['PolicyName']}|{values['RoleName']}")

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchEntity"):
            values = existing.properties
            api.call("iam", "DeleteRolePolicy", RoleName=values["RoleName"], PolicyName=values["PolicyName"])


class InstanceProfile:
    """`AWS::IAM::InstanceProfile`; `Ref` is its name, where MiniStack gives its ARN."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.properties.get("InstanceProfileName") or wanted.name()
        path = {"Path": wanted.properties["Path"]} if "Path" in wanted.properties else {}
        answer = api.call("iam", "CreateInstanceProfile", InstanceProfileName=name, **path)
        wanted.undo(lambda: self.delete(Existing(wanted.type, name, wanted.properties)))
        self._set_role(name, None, wanted.properties["Roles"][0])
        return Made(name, {"Arn": answer["InstanceProfile"]["Arn"]})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        self._set_role(existing.physical_id, existing.properties["Roles"][0], wanted.properties["Roles"][0])
        found = api.call("iam", "GetInstanceProfile", InstanceProfileName=existing.physical_id)
        return Made(existing.physical_id, {"Arn": found["InstanceProfile"]["Arn"]})

    def delete(self, existing: Existing) -> None:
        with api.gone("NoSuchEntity"):
            found = api.call("iam", "GetInstanceProfile", InstanceProfileName=existing.physical_id)
            for role in found["InstanceProfile"]["Roles"]:
                self._set_role(existing.physical_id, role["RoleName"], None)
            api.call("iam", "DeleteInstanceProfile", InstanceProfileName=existing.physical_id)

    def _set_role(self, profile: str, old: str | None, new: str | None) -> None:
        """A profile holds one role."""
        if old is not None and old != new:
            api.call("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=profile, RoleName=old)
        if new is not None and old != new:
            api.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=profile, RoleName=new)
