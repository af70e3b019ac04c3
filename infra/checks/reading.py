"""Reads what rules need out of rendered templates: tasks with their secrets and roles, and ECS services. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.config import Config
from infra.stacks.model import Output, Stack

# What a managed master password's secret holds (RDS user guide, password management with Secrets Manager).
MASTER_KEYS = frozenset({"username", "password"})


@dataclass(frozen=True)
class SecretNeed:
    """One secret that a container wants. `title` names the stack's own resource, `arn` anything else."""

    service: str
    task: str
    variable: str
    part: str = ""
    title: str = ""
    arn: str = ""
    key: str | None = None
    output: Output | None = None


@dataclass(frozen=True)
class TaskSpec:
    """A task definition of a release: CPU in units, memory in MiB; roles by logical id or by another part's output."""

    service: str
    name: str
    title: str
    cpu: int
    memory: int
    secrets: tuple[SecretNeed, ...] = ()
    roles: tuple[str | Output, ...] = ()


@dataclass(frozen=True)
class ServiceSpec:
    """An ECS service as its template has it. `task` is the task definition's logical id in the release stack."""

    service: str
    title: str
    task: str
    count: int
    minimum_percent: int
    maximum_percent: int


def by_part(stacks: Sequence[Stack]) -> dict[str, Stack]:
    """Return the stacks by part."""
    return {stack.part: stack for stack in stacks}


def resources(stack: Stack, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield logical id and resource of these types."""
    for title, resource in sorted(json.loads(stack.template or "{}").get("Resources", {}).items()):
        if resource["Type"] in types:
            yield title, resource


def tasks(config: Config, stacks: Sequence[Stack]) -> tuple[TaskSpec, ...]:
    """Return every task definition of every service."""
    parts = by_part(stacks)
    return tuple(
        _task(service.name, parts[naming.release_part(service.name)], title, resource)
        for service in config.services
        if naming.release_part(service.name) in parts
        for title, resource in resources(parts[naming.release_part(service.name)], "AWS::ECS::TaskDefinition")
    )


def services(config: Config, stacks: Sequence[Stack]) -> tuple[ServiceSpec, ...]:
    """Return every ECS service with the count that it starts with."""
    parts = by_part(stacks)
    return tuple(
        _service(service.name, parts[service.name], title, resource)
        for service in config.services
        if service.name in parts
        for title, resource in resources(parts[service.name], "AWS::ECS::Service")
    )


def generated_keys(stacks: Sequence[Stack], part: str, title: str) -> frozenset[str] | None:
    """Return the JSON keys that a secret made by a template will have, None where it is plain text."""
    found = dict(resources(by_part(stacks)[part], "AWS::SecretsManager::Secret", "AWS::RDS::DBInstance"))
    properties = found.get(title, {}).get("Properties", {})
    if properties.get("ManageMasterUserPassword"):
        return MASTER_KEYS
    made = properties.get("GenerateSecretString", {})
    if "GenerateStringKey" not in made:
        return None
    return frozenset({*json.loads(made.get("SecretStringTemplate", "{}")), made["GenerateStringKey"]})


def behind(stacks: Sequence[Stack], output: Output) -> str:
    """Return the logical id of the resource that an output is of; empty where no stack gives it."""
    source = by_part(stacks).get(output.part)
    outputs = json.loads(source.template if source else "{}").get("Outputs", {})
    value = outputs.get(output.key, {}).get("Value", {})
    return str(value.get("Ref") or value.get("Fn::GetAtt", [""])[0]) if isinstance(value, dict) else ""


def _task(service: str, stack: Stack, title: str, resource: Mapping[str, Any]) -> TaskSpec:
    properties = resource["Properties"]
    containers = properties["ContainerDefinitions"]
    name = containers[0]["Name"]
    return TaskSpec(
        service=service,
        name=name,
        title=title,
        cpu=int(properties.get("Cpu") or sum(int(one.get("Cpu", 0)) for one in containers)),
        memory=int(properties.get("Memory") or sum(int(one.get("Memory", 0)) for one in containers)),
        secrets=tuple(
            _need(service, name, stack, entry) for one in containers for entry in one.get("Secrets", ())
        ),
        roles=tuple(
            _role(stack, properties[key]) for key in ("ExecutionRoleArn", "TaskRoleArn") if key in properties
        ),
    )


def _role(stack: Stack, value: Mapping[str, Any]) -> str | Output:
    if "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    source = stack.parameters.get(value.get("Ref", ""))
    return source if isinstance(source, Output) else ""


def _need(service: str, task: str, stack: Stack, entry: Mapping[str, Any]) -> SecretNeed:
    """ECS takes an ARN, or `arn:key:stage:version` (SecretOptions, Secret.valueFrom)."""
    value, key = entry["ValueFrom"], None
    if isinstance(value, dict) and "Fn::Join" in value:
        value, rest = value["Fn::Join"][1]
        key = rest.split(":")[1] or None
    need = SecretNeed(service, task, entry["Name"], part=stack.part, key=key)
    if isinstance(value, dict) and "Ref" in value:
        source = stack.parameters.get(value["Ref"])
        if isinstance(source, Output):
            return SecretNeed(service, task, entry["Name"], key=key, output=source)
        return SecretNeed(service, task, entry["Name"], part=need.part, title=value["Ref"], key=key)
    text = value["Fn::Sub"] if isinstance(value, dict) else str(value)
    return SecretNeed(service, task, entry["Name"], arn=text.partition(":secret:")[2] or text, key=key)


def _service(name: str, stack: Stack, title: str, resource: Mapping[str, Any]) -> ServiceSpec:
    properties = resource["Properties"]
    deployment = properties.get("DeploymentConfiguration", {})
    least = {
        one["Properties"]["ResourceId"]["Fn::Join"][1][-1]["Fn::GetAtt"][0]: one["Properties"]["MinCapacity"]
        for _, one in resources(stack, "AWS::ApplicationAutoScaling::ScalableTarget")
    }
    return ServiceSpec(
        service=name,
        title=title,
        task=properties["TaskDefinition"]["Ref"],
        count=int(properties.get("DesiredCount", least.get(title, 1))),
        minimum_percent=int(deployment.get("MinimumHealthyPercent", 100)),
        maximum_percent=int(deployment.get("MaximumPercent", 200)),
    )
