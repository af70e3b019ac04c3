"""Rules that need more than one table or file to be judged; each returns the sentences of what breaks it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from infra import naming
from infra.config.environment import Environment
from infra.config.service import Process, Service

Services = Sequence[Service]

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html: CPU units to (least, most, step) MiB.
FARGATE_MEMORY = {
    256: (512, 2048, 512),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
}


def broken_rules(
    environment: Environment, services: Services, *, source: str, others: Sequence[str]
) -> list[str]:
    """Return every broken rule as `file: key: rule`; `others` are the names of all environments with a file."""
    of_services: tuple[Callable[[Services], Iterator[str]], ...] = (
        _one_issuer_and_one_gateway,
        _calls_are_known,
        _calls_have_no_cycle,
        _names_are_free,
        _tasks_are_free,
        _databases_are_apart,
        _age_has_a_queue,
        _http_has_a_web_process,
        _priorities_are_apart,
        _secrets_do_not_clash,
    )
    problems = [text for rule in of_services for text in rule(services)]
    problems += [f"{source}: {text}" for text in _environment_rules(environment, services)]
    problems += [f"{source}: name: {text}" for text in _stack_names_are_apart(environment, services, others)]
    return problems


def _manifest(service: str) -> str:
    return f"services/{service}/service.toml"


def _one_issuer_and_one_gateway(services: Services) -> Iterator[str]:
    for what, key, chosen in (
        ("issuer", "issuer", [s.name for s in services if s.issuer is not None]),
        ("public service (the gateway)", "public", [s.name for s in services if s.public]),
    ):
        if len(chosen) > 1:
            yield from (
                f"{_manifest(name)}: {key}: only one {what} may exist; there are {', '.join(chosen)}"
                for name in chosen
            )
        if not chosen:
            yield f"services/*/service.toml: {key}: one service should be the {what}; none is"


def _calls_are_known(services: Services) -> Iterator[str]:
    known = {service.name for service in services}
    for service in services:
        for callee, scopes in service.calls.items():
            where = f"{_manifest(service.name)}: calls.{callee}"
            if callee not in known:
                yield f"{where}: there is no such service"
            yield from (
                f"{where}: scope {scope!r} should begin with '{callee}:'"
                for scope in scopes
                if not scope.startswith(f"{callee}:")
            )


def _calls_have_no_cycle(services: Services) -> Iterator[str]:
    calls = {service.name: sorted(set(service.calls)) for service in services}
    done: set[str] = set()

    def cycle_from(name: str, trail: tuple[str, ...]) -> tuple[str, ...] | None:
        if name in trail:
            return (*trail[trail.index(name) :], name)
        if name in done:
            return None
        done.add(name)
        found = (cycle_from(callee, (*trail, name)) for callee in calls.get(name, []))
        return next((cycle for cycle in found if cycle), None)

    for name in calls:
        cycle = cycle_from(name, ())
        if cycle:
            yield f"{_manifest(cycle[0])}: calls: makes a cycle: {' -> '.join(cycle)}"
            return


def _names_are_free(services: Services) -> Iterator[str]:
    for service in services:
        if service.name in naming.PARTS or service.name.endswith(("-release", "-database")):
            reserved = f"{', '.join(naming.PARTS)} and names ending in -release or -database"
            yield f"services/{service.name}: the name is taken by a stack; {reserved} are reserved"


def _tasks_are_free(services: Services) -> Iterator[str]:
    for service in services:
        if service.name == naming.OPERATOR:
            yield f"services/{service.name}: the name belongs to the client that people use; choose another"
        for process in service.processes:
            if process in naming.ONE_OFF_TASKS:
                yield f"{_manifest(service.name)}: processes.{process}: the name belongs to a one-off task of the tool"


def _databases_are_apart(services: Services) -> Iterator[str]:
    names = Counter(service.database.name for service in services if service.database)
    for service in services:
        if service.database and names[service.database.name] > 1:
            name = service.database.name
            yield f"{_manifest(service.name)}: database.name: {name!r} belongs to more than one service"


def _age_has_a_queue(services: Services) -> Iterator[str]:
    for service in services:
        for name, process in service.processes.items():
            if process.scale and process.scale.age and not service.queue:
                yield f"{_manifest(service.name)}: processes.{name}.scale.age: needs [queue]"


def _http_has_a_web_process(services: Services) -> Iterator[str]:
    for service in services:
        if service.http and "web" not in service.processes:
            yield f"{_manifest(service.name)}: processes: [http] needs a process named web"
        if service.public and not service.http:
            yield f"{_manifest(service.name)}: http: a public service needs [http]"
        for route in service.http.routes if service.http else ():
            try:
                re.compile(route)
            except re.error as error:
                yield f"{_manifest(service.name)}: http.routes: {route!r} is no regular expression: {error}"


def _priorities_are_apart(services: Services) -> Iterator[str]:
    owners: dict[int, str] = {}
    for service in services:
        if service.http is None or service.public:
            continue
        priority = service.http.priority or naming.rule_priority(service.name)
        other = owners.setdefault(priority, service.name)
        if other != service.name:
            yield (
                f"{_manifest(service.name)}: http.priority: {priority} is also that of {other}; "
                "set another number from 1 to 50000 in one of the two"
            )


def _secrets_do_not_clash(services: Services) -> Iterator[str]:
    for service in services:
        for name in service.secrets.names:
            if name.upper() in naming.RESERVED_VARIABLES:
                yield f"{_manifest(service.name)}: secrets.names: {name!r} is a name that the tool sets itself"


def _environment_rules(environment: Environment, services: Services) -> Iterator[str]:
    yield from _protected_rules(environment)
    if environment.name in (naming.ACCOUNT_PART, naming.REAPER_PART):
        yield f"name: {environment.name!r} is that of a stack which all environments share"
    processes = {service.name: service.processes for service in services}
    for name, override in environment.services.items():
        if name not in processes:
            yield f"services.{name}: there is no such service"
            continue
        for changed in override.processes:
            if changed not in processes[name]:
                yield f"services.{name}.processes.{changed}: there is no such process"
    if environment.fargate:
        for service in services:
            for key, process in service.processes.items():
                yield from _fargate_pair(f"services.{service.name}.processes.{key}", process)


def _protected_rules(environment: Environment) -> Iterator[str]:
    if not environment.protected:
        return
    if not environment.edge.domain:
        yield "edge.domain: is needed in a protected environment (plain HTTP is refused there)"
    if environment.expires_after:
        yield "expires_after: a protected environment does not expire"
    if environment.schedule:
        yield "schedule: a protected environment does not sleep"


def _fargate_pair(where: str, process: Process) -> Iterator[str]:
    sizes = FARGATE_MEMORY.get(process.cpu)
    if sizes is None:
        smallest = ", ".join(map(str, FARGATE_MEMORY))
        yield f"{where}.cpu: should be one of {smallest} on Fargate (is {process.cpu})"
        return
    least, most, step = sizes
    if not least <= process.memory <= most or process.memory % step:
        yield (
            f"{where}.memory: should be {least} to {most} in steps of {step} "
            f"with cpu {process.cpu} on Fargate (is {process.memory})"
        )


def _stack_names_are_apart(
    environment: Environment, services: Services, others: Sequence[str]
) -> Iterator[str]:
    parts = naming.all_parts([service.name for service in services])
    names = sorted(
        (naming.stack_name(environment.project, name, part), name)
        for name in {*others, environment.name}
        for part in parts
    )
    for (stack, one), (twin, two) in pairwise(names):
        if stack == twin:
            yield f"environments {one!r} and {two!r} would both have a stack {stack!r}; rename one"
