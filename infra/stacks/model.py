"""What the pipeline calls a stack: a template, and parameters that may be another stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Output:
    """A parameter's value that another stack of the environment gives once it is deployed."""

    part: str
    key: str


@dataclass(frozen=True)
class Resolved:
    """A parameter's value that is looked up at plan time, e.g. the newest image of the hosts' system."""

    what: str


Value = str | Output | Resolved


@dataclass(frozen=True)
class Stack:
    """One CloudFormation stack as it should be. `template` is JSON text with sorted keys, stable to the byte.

    `objects` (key to body) must be in the state bucket before the stack is made or changed.
    """

    part: str
    name: str
    template: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    objects: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """The parts whose outputs feed this stack."""
        return frozenset(value.part for value in self.parameters.values() if isinstance(value, Output))
