"""What a release's containers are given beside their image: secrets, logins, queue, bucket, the database's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from troposphere import Ref, kms, s3, secretsmanager, sqs

from infra import naming
from infra.config import Config, Environment, Service
from infra.stacks.bucket import bucket
from infra.stacks.draft import Draft, pascal
from infra.stacks.keys import encryption_key
from infra.stacks.queue import queues
from infra.stacks.secrets import login_secrets, named_secret_policy, text_secret

OPERATOR = naming.OPERATOR


@dataclass(frozen=True)
class Material:
    """References of one release. `clients` is the secret of every client, in the issuer's release alone."""

    logins: Mapping[str, secretsmanager.Secret] = field(default_factory=dict)
    client_secret: Any = None
    key_encryption: Any = None
    encryption_key: kms.Key | None = None
    clients: Mapping[str, Any] = field(default_factory=dict)
    queue: sqs.Queue | None = None
    bucket: s3.Bucket | None = None


@dataclass(frozen=True)
class Release:
    """A release stack while it is being written: all that its task definitions are made of."""

    draft: Draft
    service: Service
    images: Mapping[str, str]
    own: Material
    execution_role: Any
    task_role: Any

    @property
    def tag(self) -> str:
        """The tag of the service's image, its content hash."""
        return self.images[self.service.name]


def material(draft: Draft, service: Service) -> Material:
    """Add a service's secrets, key, queue and bucket to its release."""
    logins = login_secrets(draft, service.database.name) if service.database else {}
    for kind, secret in logins.items():
        draft.output(f"{kind.capitalize()}LoginArn", Ref(secret))
    client_secret = _client_secret(draft) if service.calls else None
    issuer = service.issuer is not None
    return Material(
        logins=logins,
        client_secret=client_secret,
        key_encryption=_key_encryption(draft) if issuer else None,
        encryption_key=encryption_key(draft) if issuer else None,
        clients=_clients(draft, service, client_secret) if issuer else {},
        queue=queues(draft, service.queue) if service.queue else None,
        bucket=bucket(draft) if service.bucket else None,
    )


def policy_resources(environment: Environment, service: Service, own: Material) -> list[Any]:
    """Return the ARNs of every secret that the service's tasks are started with, and of no other."""
    loose = [own.client_secret] if own.client_secret else []
    key = [own.key_encryption] if own.key_encryption else []
    others = [secret for name, secret in own.clients.items() if name != service.name]
    named = [named_secret_policy(environment, service, name) for name in service.secrets.names]
    used = [Ref(own.logins[kind]) for kind in ("owner", "app") if kind in own.logins]
    return [*used, *loose, *key, *others, *named]


def callers(config: Config) -> tuple[Service, ...]:
    """Return the services that call others, each a client of the issuer."""
    return tuple(service for service in config.services if service.calls)


def operator_scopes(config: Config) -> list[str]:
    """Return every scope that anybody is granted, and reading and writing on each service that guards something."""
    granted = {scope for service in config.services for scopes in service.calls.values() for scope in scopes}
    guarded = [s.name for s in config.services if s.http and not s.public and s.issuer is None]
    return sorted(granted | {f"{name}:{verb}" for name in guarded for verb in ("read", "write")})


def _client_secret(draft: Draft) -> Ref:
    secret = Ref(text_secret(draft, "ClientSecret", "What this service proves itself with to the issuer"))
    draft.output("ClientSecretArn", secret)
    return secret


def _key_encryption(draft: Draft) -> Ref:
    """Return the secret that releases from before KMS sealed with; it opens what they left until it is sealed anew."""
    return Ref(text_secret(draft, "KeyEncryptionSecret", "Encrypts the private signing keys in the database"))


def _clients(draft: Draft, issuer: Service, own: Any) -> dict[str, Any]:
    operator = Ref(text_secret(draft, "OperatorSecret", "What a person gets a token with"))
    draft.output("OperatorSecret", operator)
    others = {
        service.name: draft.input(
            naming.release_part(service.name),
            "ClientSecretArn",
            name=f"{pascal(service.name)}ClientSecretArn",
        )
        for service in callers(draft.config)
        if service.name != issuer.name
    }
    return {**others, **({issuer.name: own} if own else {}), OPERATOR: operator}
