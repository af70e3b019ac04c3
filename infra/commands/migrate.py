"""`migrate`: the migration tasks of a release that is deployed, one service after another."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.commands.context import Context
from infra.commands.locking import lock
from infra.commands.serving import serving_heads
from infra.config import Service
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.migrations.applied import Applied, reached
from infra.migrations.revisions import heads, left_behind, pending, revisions
from infra.tasks.one_off import TaskRunner
from infra.tasks.requests import request_for

Line = Callable[[str], None]


@dataclass(frozen=True)
class Migration:
    """What to change: to the newest revision or to `to`, back to it with `downgrade`; or only add `demo` data."""

    to: str | None = None
    downgrade: bool = False
    demo: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of chassis.migrate."""
        to = ("--to", self.to) if self.to else ()
        flags = {"--downgrade": self.downgrade, "--demo": self.demo}
        return (*to, *(flag for flag, wanted in flags.items() if wanted))

    @property
    def environment(self) -> Mapping[str, str]:
        """What the task's environment must say besides."""
        return {"DEMO_DATA": "allowed"} if self.demo else {}


def migrate(
    context: Context,
    names: Sequence[str],
    migration: Migration,
    line: Line,
    *,
    confirm: Callable[[str], None],
) -> None:
    """Run the provision and migrate tasks of the named services, or of every one that has a database.

    `confirm` is asked with a question before a protected environment goes back, and raises Refused.
    Raises EstaleiroError with the failing task's cause and last lines.
    """
    services = _services(context, names)
    _guard(context, services, migration, confirm)
    with lock(context, f"migrate {context.config.environment.name}").held():
        if not migration.downgrade and not migration.demo:
            _refuse_too_early(context, services, migration.to)
        turn = _Turn(context, context.outputs(), secrets.token_hex(8), line)
        for service in services:
            if migration.demo:
                turn.run(service, "migrate", migration)
            else:
                turn.run(service, "provision", Migration())
                turn.migrate(service, migration)


def statuses(context: Context, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return where each service's database is: `service`, `revision`, `head`, `newer`, `pending`."""
    return [_asked(context, service, ("--status",)) for service in _services(context, names)]


def pending_sql(context: Context, names: Sequence[str], to: str | None) -> str:
    """Return the SQL that migrating would run. Raises Refused where a revision cannot tell its own before."""
    services = _services(context, names)
    _one_for(to, services)
    parts = []
    for service in services:
        for revision in _asked(context, service, ("--sql", *(("--to", to) if to else ()))):
            if revision["problem"]:
                raise Refused(f"{service.name}: revision {revision['revision']} {revision['problem']}")
            parts.append(f"-- {service.name} {revision['revision']}\n\n{revision['sql']}")
    return "\n".join(parts)


def _services(context: Context, names: Sequence[str]) -> tuple[Service, ...]:
    chosen = tuple(context.config.service(name) for name in names) or context.config.services
    without = [service.name for service in chosen if service.database is None]
    if names and without:
        raise ConfigurationError(
            f"services/{without[0]}/service.toml: has no [database], so there is nothing to migrate"
        )
    return tuple(service for service in chosen if service.database is not None)


def _one_for(to: str | None, services: Sequence[Service]) -> None:
    if to and len(services) != 1:
        raise ConfigurationError("--to: names a revision of one service; name the service too")


def _guard(
    context: Context, services: Sequence[Service], migration: Migration, confirm: Callable[[str], None]
) -> None:
    """Going back drops what later revisions made, and demo data is a lie among real data."""
    environment = context.config.environment
    _one_for(migration.to, services)
    if migration.downgrade and not migration.to:
        raise ConfigurationError("--downgrade: name the revision to go back to with --to")
    if migration.demo and environment.protected:
        raise Refused(f"{environment.name} is protected: it gets no demo data. Nothing was changed")
    if migration.downgrade and environment.protected:
        confirm(f"Going back to {migration.to} drops what later revisions of {services[0].name} made.")


def _refuse_too_early(context: Context, services: Sequence[Service], to: str | None) -> None:
    """Raise Refused where a revision would run that the code which serves cannot follow, as after a rollback."""
    applied = Applied(context.bucket, context.config.environment.name).heads()
    found = {one.name: revisions(context.root, one.name) for one in services}
    choosy = [name for name, own in found.items() if any(one.only_after for one in own)]
    for name, serving in serving_heads(context, choosy).items():
        ahead = {one.id for one in pending(found[name], applied.get(name))}
        until = to or max(heads(context.root, name), default=None)
        for id, after in left_behind(found[name], until, serving):
            if id in ahead:
                raise Refused(
                    f"{name}: revision {id} may run only where the code of {after.revision} serves ({after.reason}), and "
                    f"{f'that of {serving} does' if serving else 'no release record tells which one does'}; "
                    f"deploy a release with {after.revision} first. Nothing was changed"
                )


def _asked(context: Context, service: Service, arguments: tuple[str, ...]) -> Any:
    """Run a task that answers with one line of JSON, and return what it says."""
    said: list[str] = []
    outputs = context.outputs()
    request = request_for(context.config, outputs, service.name, "migrate", token=secrets.token_hex(16))
    command = ("python3", "-m", "chassis.migrate", service.name, *arguments, "--json")
    result = TaskRunner(context.aws, line=said.append).run(replace(request, command=command))
    if not result.succeeded:
        raise EstaleiroError(f"the migrate task of {service.name} failed: {result.explanation}")
    return answer(service.name, said)


def answer(service: str, lines: Sequence[str]) -> Any:
    """Return the value of the last line that is JSON; a driver or the engine may have said something besides."""
    for line in reversed(lines):
        try:
            return json.loads(line)
        except ValueError:
            continue
    raise EstaleiroError(
        f"the migrate task of {service} succeeded but its answer is not in its log; ask again, or see `logs`"
    )


@dataclass(frozen=True)
class _Turn:
    """One `migrate` command under the environment's lock; `id` is its own."""

    context: Context
    outputs: Mapping[str, Mapping[str, str]]
    id: str
    line: Line

    def migrate(self, service: Service, migration: Migration) -> None:
        """Run the migration and keep where it left the database, whether it failed or not."""
        applied = Applied(self.context.bucket, self.context.config.environment.name)
        if migration.downgrade:
            applied.note(service.name, None)  # from here on the last known revision may be too new
        said: list[str] = []
        try:
            self.run(service, "migrate", migration, said)
        finally:
            if revision := reached(said):
                applied.note(service.name, revision)

    def run(self, service: Service, task: str, migration: Migration, said: list[str] | None = None) -> None:
        """Run one task; its lines go to `line`, and to `said` too."""
        name, heard = service.name, [] if said is None else said
        token = f"{self.id} {name} {task}"
        request = request_for(self.context.config, self.outputs, name, task, token=token)
        if migration.arguments:
            command = ("python3", "-m", "chassis.migrate", name, *migration.arguments)
            request = replace(request, command=command, environment=migration.environment)

        def line(text: str) -> None:
            heard.append(text)
            self.line(text)

        self.context.reporter.tell("started", f"{name} {task}")
        result = TaskRunner(self.context.aws, line=line).run(request)
        if not result.succeeded:
            raise EstaleiroError(f"the {task} task of {name} failed: {result.explanation}")
        self.context.reporter.tell("done", f"{name} {task}")
