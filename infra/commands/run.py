"""`run`: any one-off task of a service, in its own image, with its own role, secrets and network."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from infra.commands.context import Context
from infra.commands.sleeping import refuse_asleep
from infra.errors import ConfigurationError
from infra.snapshot import environment_stacks
from infra.tasks.one_off import TaskRequest, TaskResult, TaskRunner
from infra.tasks.requests import as_it_serves, request_for


@dataclass(frozen=True)
class Run:
    """The command and what it may change of the process's task definition; `cpu` in units, `memory` in MiB."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None
    process: str | None = None


def run(context: Context, service: str, wanted: Run, line: Callable[[str], None]) -> TaskResult:
    """Run the command to its end; each log line goes to `line` as it comes."""
    request = request_of(context, service, wanted)
    return TaskRunner(context.aws, line=line).run(request)


def exit_code(result: TaskResult) -> int:
    """Return the command's own code; 1 where it has none, or says zero although it was stopped before its end."""
    return 0 if result.succeeded else result.exit_code or 1


def ending(result: TaskResult) -> str:
    """Say how a command ended that did not succeed: little where its own code and lines have said it."""
    if result.spoke_for_itself:
        return f"the command exited with code {result.exit_code}"
    return f"the task failed: {result.cause}"


def start(context: Context, service: str, wanted: Run) -> str:
    """Start the command and return the task's ARN without waiting."""
    return TaskRunner(context.aws).start(request_of(context, service, wanted)).arn


def request_of(context: Context, service: str, wanted: Run) -> TaskRequest:
    """Return the request, with what serves; the first process's task definition is used unless one is named."""
    processes = context.config.service(service).processes
    refuse_asleep(context, "no task can run there")
    process = wanted.process or ("web" if "web" in processes else next(iter(processes)))
    if process not in (*processes, "migrate"):
        raise ConfigurationError(
            f"--process: {service} has no process {process!r}; it has {', '.join(processes)}"
        )
    stacks = environment_stacks(context.aws, context.config)
    outputs = {part: stack.outputs for part, stack in stacks.items()}
    request = request_for(context.config, outputs, service, process, token=secrets.token_hex(16))
    serving = stacks[service].parameters if service in stacks else {}
    return replace(
        as_it_serves(request, serving, process),
        command=wanted.command,
        environment=wanted.environment,
        cpu=wanted.cpu,
        memory=wanted.memory,
    )
