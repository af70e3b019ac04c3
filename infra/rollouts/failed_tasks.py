"""The failing tasks of one rollout as text: alike ones told once, the plain sentence first, evidence below; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.aws.ecs import Host, Task
from infra.rollouts.cause import Cause, diagnosis

TAIL_LINES = 20


@dataclass(frozen=True)
class FailedTask:
    """A task of the rollout that stopped and should not have; `lines` are the last that it said."""

    process: str
    task: Task
    lines: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause:
        """Why it stopped."""
        return diagnosis(self.task)


def alike(failed: Iterable[FailedTask]) -> tuple[tuple[FailedTask, ...], ...]:
    """Return the tasks in groups that failed for the same reason, the first to fail first."""
    groups: dict[tuple[str, str], list[FailedTask]] = {}
    for one in failed:
        groups.setdefault((one.cause.why, one.task.stop_code or ""), []).append(one)
    return tuple(map(tuple, groups.values()))


def sentence(service: str, group: Sequence[FailedTask]) -> str:
    """Say which service and processes, what, why and what to do: `shop web: 2 tasks failed: it exited with code 3; …`."""
    processes = " and ".join(dict.fromkeys(one.process for one in group))
    count = "a task" if len(group) == 1 else f"{len(group)} tasks"
    cause = group[-1].cause
    return f"{service} {processes}: {count} failed: {cause.why}; {cause.advice}"


def evidence(group: Sequence[FailedTask]) -> str:
    """Return what ECS knows of the group's last task, and its last lines, each line set in by two spaces."""
    shown = group[-1]
    task = shown.task
    codes = [
        f"{container.name} {'none' if container.exit_code is None else container.exit_code}"
        for container in task.containers
    ]
    rows = [
        ("stop code", task.stop_code or "none"),
        ("reason", shown.cause.words or "none given"),
        ("exit code", ", ".join(codes) or "none"),
        ("task", f"{task.id} of {task.task_definition.rpartition('/')[2]}"),
    ]
    lines = [f"  {name:<11}{value}" for name, value in rows]
    lines += ["  last lines", *(f"    {line}" for line in shown.lines)] if shown.lines else []
    return "\n".join(lines)


def report(service: str, failed: Iterable[FailedTask]) -> str:
    """Return every group: its sentence and its evidence."""
    return "\n".join(f"{sentence(service, group)}\n{evidence(group)}" for group in alike(failed))


def no_room(cpu: int, memory: int, hosts: Sequence[Host]) -> Cause:
    """Say why no host takes a task of `cpu` units and `memory` MiB."""
    need = f"it needs {cpu} CPU units and {memory} MiB"
    usable = [host for host in hosts if host.takes_tasks]
    if not usable:
        return Cause(f"{need}, and no host is connected", "look at the hosts: hosts.min of them should be up")
    lacking = [
        name
        for name, wanted, free in (
            ("CPU", cpu, max(host.free_cpu for host in usable)),
            ("memory", memory, max(host.free_memory for host in usable)),
        )
        if wanted > free
    ]
    if any(host.cpu >= cpu and host.memory >= memory for host in usable):
        have = "; ".join(f"{host.free_cpu} units and {host.free_memory} MiB" for host in usable)
        short = f" of {' and '.join(lacking)}" if lacking else ""
        return Cause(
            f"no host has enough{short} left: {need}; free are {have}",
            "raise hosts.max, or lower the process's cpu or memory in service.toml",
        )
    largest = max(usable, key=lambda host: (host.cpu, host.memory))
    return Cause(
        f"no host is that large: {need}, a whole host has {largest.cpu} units and {largest.memory} MiB",
        "choose larger hosts.instance_types, or lower the process's cpu or memory in service.toml",
    )
