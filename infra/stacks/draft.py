"""A stack while it is being written; nothing here asks anything of AWS, and the result is the same to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from troposphere import AWSObject, Parameter, Ref, Template
from troposphere import Output as TemplateOutput

from infra import naming
from infra.config import Config, Environment
from infra.errors import ConfigurationError
from infra.stacks.model import Output, Resolved, Stack, Value

METADATA = "Estaleiro"
FORMAT = "2010-09-09"
# CloudFormation: DeletionPolicy where data is kept although its stack goes, but not when its creation failed.
KEPT = "RetainExceptOnCreate"

Resource = TypeVar("Resource", bound=AWSObject)


@dataclass
class Draft:
    """Collects the resources, parameters and outputs of one stack; `stack()` ends it."""

    config: Config
    part: str
    description: str
    tags: Mapping[str, str] = field(default_factory=dict)
    template: Template = field(default_factory=Template)
    parameters: dict[str, Value] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        """The environment that the stack belongs to."""
        return self.config.environment

    def add(self, resource: Resource) -> Resource:
        """Add a resource. Raises ConfigurationError when two names give the same logical id (`a-1b` and `a1b`)."""
        if resource.title in self.template.resources:
            raise ConfigurationError(
                f"stack {self.part}: two resources would be called {resource.title}; "
                "rename one of the processes or services whose names differ only in a hyphen"
            )
        self.template.add_resource(resource)
        return resource

    def input(self, part: str, key: str, *, name: str | None = None) -> Ref:
        """Return a reference to the output `key` of another part, which arrives as a parameter."""
        return self._parameter(name or key, Output(part, key), "String")

    def inputs(self, part: str, key: str) -> Ref:
        """Return a reference to an output that holds a list, joined by commas."""
        return self._parameter(key, Output(part, key), "CommaDelimitedList")

    def resolved(self, name: str, what: str, kind: str = "String") -> Ref:
        """Return a reference to something that is looked up when the deploy is planned."""
        return self._parameter(name, Resolved(what), kind)

    def output(self, key: str, value: Any) -> None:
        """Offer a value to other stacks and to the tool."""
        self.template.add_output(TemplateOutput(key, Value=value))

    def stack(self, *, name: str | None = None) -> Stack:
        """Return the finished stack."""
        environment = self.environment
        self.template.set_version(FORMAT)
        self.template.set_description(self.description)
        self.template.set_metadata(_metadata(self.parameters))
        return Stack(
            part=self.part,
            name=name or naming.stack_name(environment.project, environment.name, self.part),
            template=template_text(self.template.to_dict()),
            parameters=dict(sorted(self.parameters.items())),
            tags=dict(sorted({**self._own_tags(), **self.tags}.items())),
            protected=environment.protected,
            objects=dict(self.objects),
        )

    def _own_tags(self) -> dict[str, str]:
        """What is there once an account belongs to no environment, so that none takes it along when it ends."""
        project = self.environment.project
        part = {naming.part_tag(project): self.part}
        if self.part in (naming.ACCOUNT_PART, naming.REAPER_PART):
            return part
        return {naming.environment_tag(project): self.environment.name, **part}

    def _parameter(self, name: str, value: Value, kind: str) -> Ref:
        if self.parameters.setdefault(name, value) != value:
            raise ConfigurationError(
                f"stack {self.part}: {name} would stand for two things; "
                "rename one of the processes or services whose names differ only in a hyphen"
            )
        if name not in self.template.parameters:
            self.template.add_parameter(Parameter(name, Type=kind))
        return Ref(name)


def template_text(template: Mapping[str, Any]) -> str:
    """Return a template as JSON: keys sorted, no spaces (CloudFormation takes 51,200 bytes inline)."""
    return json.dumps(template, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def source_text(value: Value) -> str:
    """Return `network.VpcId` for an output, `?host-image` for what is looked up, `=text` for a literal."""
    if isinstance(value, Output):
        return f"{value.part}.{value.key}"
    return f"?{value.what}" if isinstance(value, Resolved) else f"={value}"


def source_value(text: str) -> Value:
    """Read back what `source_text` wrote. A part has no dot in its name."""
    if text.startswith("?"):
        return Resolved(text[1:])
    if text.startswith("="):
        return text[1:]
    part, _, key = text.partition(".")
    return Output(part, key)


def metadata_sources(template: Mapping[str, Any]) -> dict[str, Value]:
    """Return which value feeds each parameter of a template, as its metadata records it."""
    recorded = template.get("Metadata", {}).get(METADATA, {}).get("Parameters", {})
    return {name: source_value(text) for name, text in recorded.items()}


def with_template(stack: Stack, template: dict[str, Any], parameters: Mapping[str, Value]) -> Stack:
    """Return the stack with another template and the parameters that feed it."""
    whole = {**template, "Metadata": _metadata(parameters)}
    return replace(stack, template=template_text(whole), parameters=dict(sorted(parameters.items())))


def deletion_policy(environment: Environment) -> str:
    """What happens to data when its stack goes: kept where protected, else gone with the environment."""
    return KEPT if environment.protected else "Delete"


def pascal(name: str) -> str:
    """Return `WorkerHigh` for `worker-high`: logical ids hold only letters and digits."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-"))


def _metadata(parameters: Mapping[str, Value]) -> dict[str, Any]:
    return {
        METADATA: {"Parameters": {name: source_text(value) for name, value in sorted(parameters.items())}}
    }
