"""What an environment consists of, as one value: stacks and what feeds what, services and who calls whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.config import Config
from infra.stacks.model import Output, Stack

NOT_THERE = "not deployed"


@dataclass(frozen=True)
class Part:
    """A stack. `status` is CloudFormation's, NOT_THERE, or empty where nobody looked."""

    part: str
    name: str
    status: str = ""


@dataclass(frozen=True)
class Reference:
    """The outputs of stack `source` that parameters of stack `target` take."""

    source: str
    target: str
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A service: its processes with how many tasks each should have, and what it has besides."""

    name: str
    description: str
    processes: tuple[tuple[str, int], ...]
    has: tuple[str, ...]
    calls: tuple[tuple[str, tuple[str, ...]], ...]
    behind_gateway: bool
    public: bool

    @property
    def tasks(self) -> str:
        """The processes in words: `web 2, beat 1`."""
        return ", ".join(f"{name} {count}" for name, count in self.processes)


@dataclass(frozen=True)
class Topology:
    """An environment. `note` says why no deployed state is known, and is empty where it is."""

    environment: str
    parts: tuple[Part, ...]
    references: tuple[Reference, ...]
    members: tuple[Member, ...]
    note: str = ""


def topology(
    config: Config, stacks: Sequence[Stack], statuses: Mapping[str, str] | None, *, note: str = ""
) -> Topology:
    """Return the environment as its files describe it; `statuses` are those of deployed stacks by part, if known."""
    parts = [
        Part(stack.part, stack.name, "" if statuses is None else statuses.get(stack.part, NOT_THERE))
        for stack in stacks
    ]
    prefix = f"{config.environment.project}-{config.environment.name}-"
    known = {stack.part for stack in stacks}
    gone = [
        Part(part, f"{prefix}{part}", status)
        for part, status in sorted((statuses or {}).items())
        if part not in known
    ]
    return Topology(
        config.environment.name, (*parts, *gone), tuple(_references(stacks)), tuple(_members(config)), note
    )


def topology_json(found: Topology) -> dict[str, Any]:
    """The same as a JSON value."""
    return {
        "environment": found.environment,
        "deployed": not found.note,
        "note": found.note,
        "stacks": [{"part": one.part, "name": one.name, "status": one.status or None} for one in found.parts],
        "references": [
            {"from": one.source, "to": one.target, "outputs": list(one.outputs)} for one in found.references
        ],
        "services": [
            {
                "name": one.name,
                "description": one.description,
                "public": one.public,
                "processes": dict(one.processes),
                "has": list(one.has),
                "calls": {name: list(scopes) for name, scopes in one.calls},
            }
            for one in found.members
        ],
    }


def topology_text(found: Topology) -> str:
    """The same as text: the services from the public door inwards, then each stack with what feeds it."""
    lines = [found.environment + (f": {found.note}" if found.note else ""), "", "services"]
    lines += _service_lines(found)
    lines += ["", "stacks, and what feeds each"]
    width = max((len(one.part) for one in found.parts), default=0)
    state = max((len(one.status) for one in found.parts), default=0)
    for one in found.parts:
        feeds = [reference for reference in found.references if reference.target == one.part]
        lines.append(f"  {one.part:<{width}}  {one.status:<{state}}".rstrip())
        lines += [
            f"  {'└' if feed is feeds[-1] else '├'}─ {feed.source}: {_some(feed.outputs)}" for feed in feeds
        ]
    return "\n".join(lines)


def layers(found: Topology) -> list[list[str]]:
    """The parts in columns: each stands after everything that feeds it."""
    sources = {
        one.part: [ref.source for ref in found.references if ref.target == one.part] for one in found.parts
    }
    depth: dict[str, int] = {}

    def column(part: str) -> int:
        if part not in depth:
            depth[part] = max(
                (column(source) + 1 for source in sources[part] if source in sources), default=0
            )
        return depth[part]

    columns: list[list[str]] = []
    for part in sources:
        while len(columns) <= column(part):
            columns.append([])
        columns[column(part)].append(part)
    return columns


def _references(stacks: Sequence[Stack]) -> Iterator[Reference]:
    for stack in stacks:
        outputs: dict[str, list[str]] = {}
        for value in stack.parameters.values():
            if isinstance(value, Output) and value.key not in outputs.setdefault(value.part, []):
                outputs[value.part].append(value.key)
        for source, keys in outputs.items():
            yield Reference(source, stack.part, tuple(sorted(keys)))


def _members(config: Config) -> Iterator[Member]:
    for service in config.services:
        has = {
            "issues tokens": service.issuer,
            "database": service.database,
            "queue": service.queue,
            "secrets": service.secrets.names,
        }
        yield Member(
            service.name,
            service.description,
            tuple((name, process.desired) for name, process in service.processes.items()),
            tuple(words for words, there in has.items() if there),
            tuple(service.calls.items()),
            behind_gateway=bool(service.http and service.http.routes),
            public=service.public,
        )


def _service_lines(found: Topology) -> Iterator[str]:
    doors = [one for one in found.members if one.public]
    behind = [one for one in found.members if one.behind_gateway and not one.public]
    inside = [one for one in found.members if not one.behind_gateway and not one.public]
    for door in doors:
        yield f"  {_in_words(door)}"
        for one in behind:
            yield from _member_lines(one, "  ", last=one is behind[-1])
    for one in inside:
        yield from _member_lines(one, "  ", last=one is inside[-1])


def _member_lines(member: Member, indent: str, *, last: bool) -> Iterator[str]:
    yield f"{indent}{'└' if last else '├'}─ {_in_words(member)}"
    for number, (name, scopes) in enumerate(member.calls, start=1):
        corner = "└" if number == len(member.calls) else "├"
        yield f"{indent}{' ' if last else '│'}  {corner}─ calls {name} ({', '.join(scopes)})"


def _in_words(member: Member) -> str:
    has = f"; {', '.join(member.has)}" if member.has else ""
    return f"{member.name}: {member.tasks}{has}" + (" (the public door)" if member.public else "")


def _some(keys: Sequence[str], most: int = 4) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
