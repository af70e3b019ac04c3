"""A small project with every feature that templates know, and its stacks as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from infra import stacks
from infra.config import Config, load
from infra.stacks import Stack
from tests.builders import ROOT

SHIPYARD = ROOT / "tests/fixtures/shipyard"
ENVIRONMENTS = ("local", "staging", "production", "fargate", "coreos")
HASH = "0123456789ab"

Template = dict[str, Any]


@cache
def config(environment: str, root: Path = SHIPYARD) -> Config:
    """The configuration of an environment of the fixture, or of another root."""
    return load(root, environment)


def tags(chosen: Config) -> dict[str, str]:
    """A tag for every image, with the same hash."""
    return {name: f"{name}-{HASH}" for name in (*(service.name for service in chosen.services), "chassis")}


@cache
def all_stacks(environment: str, root: Path = SHIPYARD) -> tuple[Stack, ...]:
    """The account stack and every stack of the environment, in order."""
    chosen = config(environment, root)
    return (stacks.account(chosen), *stacks.environment(chosen, tags(chosen)))


def reaper(environment: str) -> Stack:
    """The optional stack that ends environments by schedule; it is no environment's."""
    return stacks.reaper(config(environment), "registry.example.org/shipyard:tool-1")


def stack(environment: str, part: str) -> Stack:
    """One stack. Raises StopIteration when there is none."""
    return next(one for one in all_stacks(environment) if one.part == part)


def template(environment: str, part: str) -> Template:
    """One stack's template, read."""
    read: Template = json.loads(stack(environment, part).template)
    return read


def properties(environment: str, part: str, title: str) -> dict[str, Any]:
    """The properties of one resource."""
    found: dict[str, Any] = template(environment, part)["Resources"][title]["Properties"]
    return found


def resources(*kinds: str) -> Iterator[tuple[str, dict[str, Any], Stack]]:
    """Every resource of these types (all types without any) in every environment: `env/part/title`, it, its stack."""
    for environment in ENVIRONMENTS:
        for one in all_stacks(environment):
            for title, resource in json.loads(one.template)["Resources"].items():
                if not kinds or resource["Type"] in kinds:
                    yield f"{environment}/{one.part}/{title}", resource, one


def container(environment: str, service: str, process: str) -> dict[str, Any]:
    """The one container of a task definition."""
    title = "".join(word.capitalize() for word in process.split("-")) + "TaskDefinition"
    found: dict[str, Any] = properties(environment, f"{service}-release", title)["ContainerDefinitions"][0]
    return found


def variables(environment: str, service: str, process: str) -> dict[str, Any]:
    """The plain variables of a container."""
    return {
        entry["Name"]: entry["Value"] for entry in container(environment, service, process)["Environment"]
    }


def secrets(environment: str, service: str, process: str) -> dict[str, Any]:
    """The secrets of a container, by variable."""
    listed = container(environment, service, process).get("Secrets", [])
    return {entry["Name"]: entry["ValueFrom"] for entry in listed}
