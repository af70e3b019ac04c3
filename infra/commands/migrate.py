"""`migrate`: the migration tasks of a release that is deployed, one service after another."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from infra.commands.context import Context
from infra.commands.locking import lock
from infra.config import Service
from infra.errors import ConfigurationError, EstaleiroError
from infra.task_requests import request_for
from infra.tasks import TaskRunner

Line = Callable[[str], None]


@dataclass(frozen=True)
class Migration:
    """What to do: to the newest revision, to `to`, print its `sql`, or say its `status`."""

    to: str | None = None
    sql: bool = False
    status: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of chassis.migrate."""
        to = ("--to", self.to) if self.to else ()
        return (*to, *(("--sql",) if self.sql else ()), *(("--status",) if self.status else ()))

    @property
    def changes(self) -> bool:
        """Whether anything is changed, so that the lock is needed."""
        return not (self.sql or self.status)


def migrate(context: Context, names: Sequence[str], migration: Migration, line: Line) -> None:
    """Run the migration tasks of the named services, or of every one that has a database.

    Raises EstaleiroError with the failing task's cause.
    """
    services = _services(context, names)
    if migration.to and len(services) != 1:
        raise ConfigurationError("--to: names a revision of one service; name the service too")
    if not migration.changes:
        return _each(context, services, migration, line)
    with lock(context, f"migrate {context.config.environment.name}").held():
        return _each(context, services, migration, line)


def _services(context: Context, names: Sequence[str]) -> tuple[Service, ...]:
    chosen = tuple(context.config.service(name) for name in names) or context.config.services
    without = [service.name for service in chosen if service.database is None]
    if names and without:
        raise ConfigurationError(
            f"services/{without[0]}/service.toml: has no [database], so there is nothing to migrate"
        )
    return tuple(service for service in chosen if service.database is not None)


def _each(context: Context, services: Sequence[Service], migration: Migration, line: Line) -> None:
    outputs = context.outputs()
    run = secrets.token_hex(8)
    for service in services:
        if migration.changes:
            _run(context, outputs, service, "provision", (), run, line)
        _run(context, outputs, service, "migrate", migration.arguments, run, line)


def _run(
    context: Context,
    outputs: Mapping[str, Mapping[str, str]],
    service: Service,
    task: str,
    arguments: tuple[str, ...],
    run: str,
    line: Line,
) -> None:
    request = request_for(context.config, outputs, service.name, task, token=f"{run} {service.name} {task}")
    if arguments:
        command = ("python3", "-m", "chassis.migrate", service.name, *arguments)
        request = replace(request, command=command)
    step = f"{service.name} {task}"
    context.reporter.tell("started", step)
    result = TaskRunner(context.aws, line=line).run(request)
    if not result.succeeded:
        raise EstaleiroError(f"the {task} task of {service.name} failed: {result.cause}")
    context.reporter.tell("done", step)
