"""What stands in a container's environment: plain variables, and secrets by reference, never by value."""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Ref

from infra.config import Config, Environment, Process, Service
from infra.stacks.bucket import image_origins
from infra.stacks.database import database_part
from infra.stacks.draft import Draft
from infra.stacks.material import OPERATOR, Material, Release, callers, operator_scopes
from infra.stacks.secrets import key_of, named_secret

CA_BUNDLE = "/usr/share/rds/global-bundle.pem"


def process_variables(release: Release, process: str) -> dict[str, Any]:
    """Return the variables of a long-running process."""
    draft, service = release.draft, release.service
    variables = common_variables(draft.config, service, process, release=release.tag)
    if service.http and process == "web":
        variables["PORT"] = str(service.http.port)
    if service.database:
        variables |= database_variables(draft, service)
    if release.own.queue:
        variables["QUEUE_URL"] = Ref(release.own.queue)
    if release.own.bucket:
        variables["BUCKET"] = Ref(release.own.bucket)
    if release.own.encryption_key:
        variables["KMS_KEY_ID"] = GetAtt(release.own.encryption_key, "Arn")
    if service.calls:
        variables["CLIENT_ID"] = service.name
    if service.public:
        variables["IMAGE_ORIGINS"] = image_origins(draft, draft.config)
        variables["GATEWAY_TASKS"] = str(most_tasks(service.processes[process]))
    return variables


def most_tasks(process: Process) -> int:
    """Return how many tasks share a limit: as many as there may be, so that together they never admit more."""
    return process.scale.max if process.scale else max(process.desired, 1)


def common_variables(config: Config, service: Service, process: str, *, release: str) -> dict[str, Any]:
    """Return what every container knows: who and where it is."""
    environment = config.environment
    return {
        "SERVICE": service.name,
        "PROCESS": process,
        "ENVIRONMENT": environment.name,
        "RELEASE": release,
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
        "INTERNAL_DOMAIN": environment.internal_domain,
        "TOKEN_ISSUER": f"http://{config.issuer.name}.{environment.internal_domain}",
    }


def database_variables(draft: Draft, service: Service) -> dict[str, Any]:
    """Return where the service's database is; the certificate's name is always checked."""
    if service.database is None:
        return {}
    part = database_part(draft.config, service)
    return {
        "DATABASE_HOST": draft.input(part, "Address", name="DatabaseAddress"),
        "DATABASE_PORT": draft.input(part, "Port", name="DatabasePort"),
        "DATABASE_NAME": service.database.name,
        "DATABASE_SSLMODE": "verify-full",
        "DATABASE_SSLROOTCERT": CA_BUNDLE,
    }


def process_secrets(environment: Environment, service: Service, own: Material) -> dict[str, Any]:
    """Return the secrets of a long-running process: the login that only reads and writes rows, and its own."""
    secrets = login(own, "app")
    if own.client_secret:
        secrets["CLIENT_SECRET"] = own.client_secret
    if own.key_encryption:
        secrets["KEY_ENCRYPTION_SECRET"] = own.key_encryption
    named = {name.upper(): named_secret(environment, service, name) for name in service.secrets.names}
    return {**secrets, **named}


def login(own: Material, kind: str) -> dict[str, Any]:
    """Return one login as DATABASE_USER and DATABASE_PASSWORD; nothing for a service without a database."""
    if kind not in own.logins:
        return {}
    secret = Ref(own.logins[kind])
    return {
        "DATABASE_USER": key_of(secret, "username"),
        "DATABASE_PASSWORD": key_of(secret, "password"),
    }


def client_secrets(own: Material) -> dict[str, Any]:
    """Return the secret of every client under the name that CLIENTS says."""
    return {client_variable(name): secret for name, secret in own.clients.items()}


def clients_variable(config: Config) -> str:
    """Return CLIENTS: who may ask for which scopes, and where the secret is."""
    scopes = {
        service.name: sorted({scope for granted in service.calls.values() for scope in granted})
        for service in callers(config)
    }
    scopes[OPERATOR] = operator_scopes(config)
    entries = [
        {"client_id": name, "scopes": granted, "secret_env": client_variable(name)}
        for name, granted in sorted(scopes.items())
    ]
    return json.dumps(entries, sort_keys=True)


def client_variable(name: str) -> str:
    """Return `CLIENT_SECRET_REVIEWS`."""
    return f"CLIENT_SECRET_{name.upper().replace('-', '_')}"
