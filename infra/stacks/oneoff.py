"""One-off task definitions of a release: make the database, migrate it, tell the issuer its clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from troposphere import Ref

from infra.config import Service
from infra.stacks.database import database_part
from infra.stacks.material import Release
from infra.stacks.pulling import image
from infra.stacks.secrets import LOGINS, key_of
from infra.stacks.tasks import Task, task_definition
from infra.stacks.variables import (
    client_secrets,
    clients_variable,
    common_variables,
    database_variables,
    login,
)

# The smallest pair that Fargate has too.
CPU, MEMORY = 256, 512
PROVISION_IMAGE = "chassis"
# A migration that is stopped gets as long as ECS allows to end its statement.
STOP_SECONDS = 120


def oneoff_tasks(release: Release) -> None:
    """Add the one-off task definitions that a service needs."""
    made = {"provision": _provision, "migrate": _migrate, "clients": _clients}
    for name in oneoff_names(release.service):
        task_definition(release.draft, release.service.name, made[name](release))


def oneoff_names(service: Service) -> tuple[str, ...]:
    """Return the one-off tasks that prepare a release of a service, in the order in which they run."""
    database = ("provision", "migrate") if service.database else ()
    return (*database, "clients") if service.issuer is not None else database


def _task(release: Release, process: str, command: list[str], *, tag: str, secrets: dict[str, Any]) -> Task:
    """Return a one-off task that knows the database's place and has the service's roles."""
    draft, service = release.draft, release.service
    return Task(
        process=process,
        image=image(draft.environment, tag),
        command=["python3", "-m", *command],
        cpu=CPU,
        memory=MEMORY,
        variables={
            **common_variables(draft.config, service, process, release=tag),
            **database_variables(draft, service),
        },
        secrets=secrets,
        execution_role=release.execution_role,
        task_role=release.task_role,
    )


def _provision(release: Release) -> Task:
    """Our code alone runs here, started by the one role that may read the master secret; it calls no AWS."""
    draft, part = release.draft, database_part(release.draft.config, release.service)
    sources = {"MASTER": draft.input(part, "MasterSecretArn")}
    sources |= {kind.upper(): Ref(release.own.logins[kind]) for kind in LOGINS}
    keys = {"USER": "username", "PASSWORD": "password"}
    secrets = {
        f"{who}_{what}": key_of(secret, key) for who, secret in sources.items() for what, key in keys.items()
    }
    tag = release.images[PROVISION_IMAGE]
    task = _task(release, "provision", ["chassis.provision"], tag=tag, secrets=secrets)
    return replace(task, execution_role=draft.input(part, "ProvisionRoleArn"), task_role=None)


def _migrate(release: Release) -> Task:
    secrets, tag = login(release.own, "owner"), release.images[release.service.name]
    task = _task(release, "migrate", ["chassis.migrate", release.service.name], tag=tag, secrets=secrets)
    return replace(task, stop_timeout=STOP_SECONDS)


def _clients(release: Release) -> Task:
    secrets = {**login(release.own, "app"), **client_secrets(release.own)}
    tag = release.images[release.service.name]
    task = _task(release, "clients", [release.service.name, "clients"], tag=tag, secrets=secrets)
    listed = {"CLIENTS": clients_variable(release.draft.config)}
    return replace(task, variables={**task.variables, **listed})
