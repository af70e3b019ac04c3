"""`migrate`: the migration tasks of a release that is deployed, one service after another."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.commands.context import Context
from infra.commands.locking import lock
from infra.commands.serving import refuse_too_early, warn_of_going_back
from infra.commands.sleeping import refuse_asleep
from infra.config import Service
from infra.errors import ConfigurationError, EstaleiroError, Interrupted, Refused
from infra.migrations.applied import Applied, reached
from infra.migrations.revisions import heads, known
from infra.tasks.one_off import TaskResult, TaskRunner
from infra.tasks.requests import request_for

Line = Callable[[str], None]
ASLEEP = "its databases cannot be asked or changed"


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
) -> list[dict[str, str | None]]:
    """Run the provision and migrate tasks of the named services, or of every one that has a database.

    Return each `service` with the `revision` that its database is at, None where the task did not say.
    `confirm` is asked with a question before a protected environment goes back, and raises Refused.
    Raises EstaleiroError with the failing task's cause and last lines.
    """
    services = _services(context, names)
    _guard(context, services, migration, confirm)
    refuse_asleep(context, ASLEEP)
    with lock(context, f"migrate {context.config.environment.name}").held():
        if migration.downgrade:
            warn_of_going_back(context, services[0], str(migration.to))
        elif not migration.demo:
            refuse_too_early(context, services, migration.to)
        turn = _Turn(context, context.outputs(), secrets.token_hex(8), line)
        return [{"service": one.name, "revision": turn.take(one, migration)} for one in services]


def statuses(context: Context, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return where each service's database is: `service`, `revision`, `head`, `newer`, `pending`."""
    services = _services(context, names)
    refuse_asleep(context, ASLEEP)
    return [_asked(context, service, ("--status",)) for service in services]


def pending_sql(context: Context, names: Sequence[str], to: str | None) -> str:
    """Return the SQL that migrating would run. Raises Refused where a revision cannot tell its own before."""
    services = _services(context, names)
    _one_for(context, to, services)
    refuse_asleep(context, ASLEEP)
    parts = []
    for service in services:
        for revision in _asked(context, service, ("--sql", *(("--to", to) if to else ()))):
            if revision["problem"]:
                raise Refused(
                    f"{service.name}: revision {revision['revision']} {revision['problem']}; "
                    "read its file, or print those before it with --to"
                )
            parts.append(f"-- {service.name} {revision['revision']}\n\n{revision['sql'].strip()}\n")
    return "\n".join(parts)


def _services(context: Context, names: Sequence[str]) -> tuple[Service, ...]:
    chosen = tuple(context.config.service(name) for name in names) or context.config.services
    without = [service.name for service in chosen if service.database is None]
    if names and without:
        raise ConfigurationError(
            f"services/{without[0]}/service.toml: has no [database], so there is nothing to migrate"
        )
    return tuple(service for service in chosen if service.database is not None)


def _one_for(context: Context, to: str | None, services: Sequence[Service]) -> None:
    """The deployed release may be older than these files, and then it says so itself."""
    if not to:
        return
    if len(services) != 1:
        raise ConfigurationError("--to: names a revision of one service; name the service too")
    name = services[0].name
    if to != "head" and to not in known(context.root, name):
        newest = ", ".join(heads(context.root, name)) or "none"
        raise ConfigurationError(f"--to: {name} has no revision {to!r}; its newest is {newest}")


def _guard(
    context: Context, services: Sequence[Service], migration: Migration, confirm: Callable[[str], None]
) -> None:
    """Going back drops what later revisions made, and demo data is a lie among real data."""
    environment = context.config.environment
    _one_for(context, migration.to, services)
    if migration.downgrade and not migration.to:
        raise ConfigurationError("--downgrade: name the revision to go back to with --to")
    if migration.demo and environment.protected:
        raise Refused(f"{environment.name} is protected: it gets no demo data. Nothing was changed")
    if migration.downgrade and environment.protected:
        confirm(f"Going back to {migration.to} drops what later revisions of {services[0].name} made.")


def _asked(context: Context, service: Service, arguments: tuple[str, ...]) -> Any:
    """Run a task that answers with one line of JSON, and return what it says."""
    said: list[str] = []
    outputs = context.outputs()
    request = request_for(context.config, outputs, service.name, "migrate", token=secrets.token_hex(16))
    command = ("python3", "-m", "chassis.migrate", service.name, *arguments, "--json")
    result = TaskRunner(context.aws, line=said.append).run(replace(request, command=command))
    if not result.succeeded:
        raise EstaleiroError(failed(service.name, "migrate", result))
    return answer(service.name, said)


def failed(service: str, task: str, result: TaskResult) -> str:
    """Say why a task failed: in its own sentence where it has one, which begins with the service's name."""
    last = next(iter(reversed(result.tail)), "")
    if result.spoke_for_itself and last.startswith(f"{service}: "):
        return last
    return f"the {task} task of {service} failed: {result.explanation}"


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

    def take(self, service: Service, migration: Migration) -> str | None:
        """Do what is asked for one service; return the revision that its database is at then, if the task said so."""
        if not migration.demo:
            self.run(service, "provision", Migration())
            return self.migrate(service, migration)
        said: list[str] = []
        self.run(service, "migrate", migration, said)
        if not said:
            self.line(f"{service.name}: it has no demo data, or all of it is there")
        return None

    def migrate(self, service: Service, migration: Migration) -> str | None:
        """Run the migration and keep where it left the database, whether it failed or not; return that."""
        applied = Applied(self.context.bucket, self.context.config.environment.name)
        if migration.downgrade:
            applied.note(service.name, None)  # from here on the last known revision may be too new
        said: list[str] = []
        try:
            self.run(service, "migrate", migration, said)
        finally:
            if revision := reached(said):
                applied.note(service.name, revision)
        return revision

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
        try:
            result = TaskRunner(self.context.aws, line=line).run(request)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; the {task} task of {name} was stopped, and what it had committed stays. "
                "Run the same command again to go on"
            ) from None
        if not result.succeeded:
            raise EstaleiroError(failed(name, task, result))
        self.context.reporter.tell("done", f"{name} {task}")
