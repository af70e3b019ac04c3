"""`exec`: a command in a container that serves: through the local cloud's engine, or over the tunnel to its host."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import ssh
from infra.aws.ecs import Task
from infra.commands.context import Context
from infra.commands.hosts import Login, log_in
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.local.inside import Ends, own_ends, run_inside
from infra.tasks.requests import service_output

# What opens when no command is given: the first that the image has. The Python images have no shell.
SHELLS = ("sh", "python3")


@dataclass(frozen=True)
class Whereabouts:
    """A container that runs. `instance` is its host's id, None in the local cloud."""

    service: str
    process: str
    task: str
    container: str
    instance: str | None


def find(context: Context, service: str, process: str | None, task: str | None) -> Whereabouts:
    """Return the container of a running task; `task` is the beginning of its id, else the newest one counts.

    Raises ConfigurationError, Refused for Fargate, and EstaleiroError when none runs.
    """
    processes = context.config.service(service).processes
    chosen = process or ("web" if "web" in processes else next(iter(processes)))
    if chosen not in processes:
        raise ConfigurationError(
            f"--process: {service} has no process {chosen!r}; it has {', '.join(processes)}"
        )
    outputs, name = context.outputs(), context.config.environment.name
    cluster = outputs.get("cluster", {}).get("ClusterName", "")
    running = _running(context, cluster, outputs.get(service, {}).get(service_output(chosen), ""))
    found = next((one for one in running if one.id.startswith(task or "")), None)
    if found is None:
        ids = ", ".join(one.id for one in running)
        which = f" whose id begins with {task!r} (there are: {ids})" if task and ids else ""
        raise EstaleiroError(f"no task of {service} {chosen} runs in {name}{which}; `status` shows what runs")
    container = found.containers[0]
    if container.runtime_id is None:
        raise EstaleiroError(f"task {found.id} of {service} {chosen} has no container yet; try again")
    instance = None if context.cloud else _host(context, cluster, found)
    return Whereabouts(service, chosen, found.id, container.runtime_id, instance)


def run(context: Context, place: Whereabouts, command: Sequence[str], login: Login) -> int:
    """Run the command there, a shell without one; return its exit code."""
    if place.instance is None:
        return run_inside(place.container, command or _shell(place.container), own_ends())
    remote = ssh.instance(place.instance, context.config.environment.region, user=login.user, key=login.key)
    terminal = sys.stdin.isatty()
    words = docker_exec(place.container, command, terminal=terminal)
    return log_in(context, remote, words, options=("-t",) if terminal else ())


def docker_exec(container: str, command: Sequence[str], *, terminal: bool) -> str:
    """Return what the host's shell is told: `docker exec` of the command, else of the first shell that is there."""
    enter = f"sudo docker exec {'-it' if terminal else '-i'} {container}"
    if command:
        return f"{enter} {shlex.join(command)}"
    first, second = SHELLS
    probe = f"sudo docker exec {container} {first} -c '' 2>/dev/null >&2"
    return f"if {probe}; then {enter} {first}; else {enter} {second}; fi"


def _shell(container: str) -> Sequence[str]:
    with Path(os.devnull).open("rb") as nothing, Path(os.devnull).open("wb") as nowhere:
        ends = Ends(nothing.fileno(), nowhere, nowhere)
        return SHELLS[run_inside(container, [SHELLS[0], "-c", ""], ends) != 0 :][:1]


def _running(context: Context, cluster: str, ecs_service: str) -> list[Task]:
    if not ecs_service:
        return []
    arns = context.aws.ecs.list_tasks(cluster, service=ecs_service)
    tasks = [one for one in context.aws.ecs.tasks(cluster, arns) if one.status == "RUNNING"]
    return sorted(tasks, key=lambda one: one.started.timestamp() if one.started else 0.0, reverse=True)


def _host(context: Context, cluster: str, task: Task) -> str:
    if task.host is None:
        raise Refused(
            "Fargate has no host to log in to; `run` starts a task of the same service with a command of yours"
        )
    hosts = context.aws.ecs.container_instances(cluster)
    return next(host.instance for host in hosts if host.arn == task.host)
