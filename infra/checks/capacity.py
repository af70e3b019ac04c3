"""Room on the hosts for the rollout and for the migration tasks, before either waits for it in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from infra.checks.facts import Facts, HostSize
from infra.checks.model import Check, Unknown, fail, ok, skip
from infra.checks.reading import ServiceSpec, TaskSpec, services, tasks
from infra.steps import CreateStack, RunTask, UpdateStack

NAME = "capacity"


@dataclass(frozen=True)
class Demand:
    """One task that wants a place."""

    who: str
    size: HostSize


def capacity(facts: Facts) -> Iterator[Check]:
    """Say whether every task fits on a host, whether the rollout can begin, and whether it has room at once."""
    if facts.config.environment.fargate:
        yield skip(NAME, "hosts", "Fargate has no hosts")
        return
    if isinstance(facts.plan, Unknown) or isinstance(facts.host_size, Unknown) or facts.host_size is None:
        why = facts.plan if isinstance(facts.plan, Unknown) else facts.host_size
        yield skip(NAME, "hosts", why.why if isinstance(why, Unknown) else "the size of a host is not known")
        return
    every = [
        Demand(f"{task.service} {task.name}", HostSize(task.cpu, task.memory)) for task in _all_tasks(facts)
    ]
    giants = [one for one in every if not _fits(one.size, facts.host_size)]
    if giants:
        yield from (_giant(facts, one, facts.host_size) for one in giants)
        return
    yield ok(
        NAME, "largest task", _text(max((one.size for one in every), key=_weight, default=HostSize(0, 0)))
    )
    room = _room(facts, facts.host_size)
    yield _rollout(facts, room)


def placed(demands: Iterable[Demand], room: Sequence[HostSize]) -> tuple[Demand, ...]:
    """Return what finds no place when the largest is placed first, each on the fullest host that still takes it."""
    free = list(room)
    left: list[Demand] = []
    for demand in sorted(demands, key=lambda one: (_weight(one.size), one.who), reverse=True):
        hosts = [index for index, host in enumerate(free) if _fits(demand.size, host)]
        if not hosts:
            left.append(demand)
            continue
        chosen = min(hosts, key=lambda index: (free[index].memory, index))
        free[chosen] = HostSize(free[chosen].cpu - demand.size.cpu, free[chosen].memory - demand.size.memory)
    return tuple(left)


def _rollout(facts: Facts, room: Sequence[HostSize]) -> Check:
    new, updates, one_offs = _demands(facts)
    first = max([*updates, *one_offs], key=lambda one: _weight(one.size), default=None)
    left = placed([*new, *([first] if first else [])], room)
    if left:
        environment = facts.config.environment
        short = HostSize(sum(one.size.cpu for one in left), sum(one.size.memory for one in left))
        return fail(
            NAME,
            "rollout",
            f"no room for {_names(left)} ({_text(short)} too little), with hosts.max = {environment.hosts.max}",
            f"raise hosts.max in infra/environments/{environment.name}.toml, choose larger hosts.instance_types, "
            "or give the tasks less",
        )
    turns = placed([*new, *updates, *one_offs], room)
    return ok(
        NAME, "rollout", f"in turns: no room at once for {_names(turns)}" if turns else "room for all at once"
    )


def _demands(facts: Facts) -> tuple[list[Demand], list[Demand], list[Demand]]:
    """Return the tasks of new services, one more of each service that is updated, and the one-off tasks."""
    assert not isinstance(facts.plan, Unknown)  # noqa: S101
    created = {step.stack.part for step in facts.plan.steps if isinstance(step, CreateStack)}
    updated = {step.stack.part for step in facts.plan.steps if isinstance(step, UpdateStack)}
    runs = {(step.service, step.task) for step in facts.plan.steps if isinstance(step, RunTask)}
    sizes = {(task.service, task.title): HostSize(task.cpu, task.memory) for task in _all_tasks(facts)}
    new: list[Demand] = []
    more: list[Demand] = []
    for spec in services(facts.config, facts.stacks):
        demand = Demand(f"{spec.service} {_process(spec)}", sizes[spec.service, spec.task])
        if spec.service in created:
            new += [demand] * spec.count
        elif spec.service in updated and spec.maximum_percent > 100 and spec.count:
            more.append(demand)
    one_offs = [
        Demand(f"{task.service} {task.name}", HostSize(task.cpu, task.memory))
        for task in _all_tasks(facts)
        if (task.service, task.name) in runs
    ]
    return new, more, one_offs


def _all_tasks(facts: Facts) -> tuple[TaskSpec, ...]:
    return tasks(facts.config, facts.stacks)


def _process(spec: ServiceSpec) -> str:
    return spec.title.removesuffix("Service").lower()


def _room(facts: Facts, size: HostSize) -> list[HostSize]:
    """What is free on the hosts that are there, and the hosts that managed scaling may add."""
    hosts = () if isinstance(facts.hosts, Unknown) else facts.hosts
    more = max(facts.config.environment.hosts.max - len(hosts), 0)
    return [host.free for host in hosts] + [size] * more


def _giant(facts: Facts, demand: Demand, size: HostSize) -> Check:
    kinds = ", ".join(facts.config.environment.hosts.instance_types)
    return fail(
        NAME,
        demand.who,
        f"it wants {_text(demand.size)}, and a whole host ({kinds}) has {_text(size)}",
        f"give {demand.who} less in services/{demand.who.split()[0]}/service.toml, or choose larger hosts.instance_types",
    )


def _fits(size: HostSize, host: HostSize) -> bool:
    return size.cpu <= host.cpu and size.memory <= host.memory


def _weight(size: HostSize) -> int:
    return size.cpu + size.memory


def _text(size: HostSize) -> str:
    return f"{size.cpu} CPU units and {size.memory} MiB"


def _names(demands: Iterable[Demand]) -> str:
    counted: dict[str, int] = {}
    for demand in demands:
        counted[demand.who] = counted.get(demand.who, 0) + 1
    return ", ".join(f"{count} × {who}" if count > 1 else who for who, count in sorted(counted.items()))
