"""What the rules look at, all gathered before the first of them runs (infra.evidence)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from infra.checks.model import Unknown
from infra.config import Config
from infra.migrations.rules import Finding
from infra.stacks.model import Stack
from infra.steps import Actual, Plan

NOT_DEPLOYED = Unknown("nothing is deployed yet")
NOT_ASKED = Unknown("not looked at")


@dataclass(frozen=True)
class SecretFact:
    """A secret without its value. `keys` are those of a JSON object, None where the value is no such thing."""

    state: Literal["readable", "missing", "unreadable"]
    keys: frozenset[str] | None = None
    why: str = ""


@dataclass(frozen=True)
class HostSize:
    """What a host has for tasks. CPU in units (1024 a core), memory in MiB."""

    cpu: int
    memory: int


@dataclass(frozen=True)
class HostFact:
    """A connected host: its whole size, and what no task has reserved."""

    name: str
    whole: HostSize
    free: HostSize
    architecture: str = ""


@dataclass(frozen=True)
class ImageFact:
    """An image that a task runs. `architecture` is None where only the registry knows the image."""

    name: str
    in_registry: bool
    in_engine: bool
    architecture: str | None = None


@dataclass(frozen=True)
class CertificateFact:
    """A certificate in ACM. `names` are the domains it stands for."""

    status: str
    names: tuple[str, ...] = ()
    expires: datetime | None = None


@dataclass(frozen=True)
class ZoneFact:
    """A hosted zone."""

    name: str
    private: bool


@dataclass(frozen=True)
class DatabaseFact:
    """An RDS instance: its status, and storage in GiB."""

    status: str
    address: str | None = None


@dataclass(frozen=True)
class Migrations:
    """A service's revisions: those in its folder, and the newest that the last good deploy left in the database."""

    known: frozenset[str]
    heads: tuple[str, ...]
    recorded: str | Unknown


@dataclass(frozen=True)
class Machine:
    """This machine, where the local cloud runs on it. Disk in GB; a port's holder is None where it is free or ours."""

    engine: str | Unknown
    free_gb: float | Unknown
    needed_gb: float
    ports: Mapping[int, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Everything that the rules may look at. `secrets` by ARN or name, `resources` physical ids by part and title.

    `account_current`: whether the account stack has the template that `bootstrap` would give it now.
    """

    config: Config
    stacks: tuple[Stack, ...]
    account: str | Unknown = NOT_ASKED
    account_stack: str | Unknown | None = NOT_ASKED
    account_current: bool | Unknown = NOT_ASKED
    actual: Actual | Unknown = NOT_DEPLOYED
    plan: Plan | Unknown = NOT_DEPLOYED
    images: tuple[ImageFact, ...] | Unknown = NOT_ASKED
    secrets: Mapping[str, SecretFact] | Unknown = NOT_ASKED
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    trusts: Mapping[str, frozenset[str] | None] | Unknown = NOT_ASKED
    log_groups: frozenset[str] | Unknown = NOT_ASKED
    certificate: CertificateFact | Unknown | None = NOT_ASKED
    zone: ZoneFact | Unknown | None = NOT_ASKED
    hosts: tuple[HostFact, ...] | Unknown = NOT_ASKED
    host_size: HostSize | Unknown | None = NOT_ASKED
    quotas: Mapping[str, int] = field(default_factory=dict)
    databases: Mapping[str, DatabaseFact | None] | Unknown = NOT_ASKED
    migrations: Mapping[str, Migrations] = field(default_factory=dict)
    revisions: tuple[Finding, ...] | Unknown = NOT_ASKED
    lint: Mapping[str, tuple[str, ...]] | Unknown = NOT_ASKED
    refusals: Mapping[str, str | None] | Unknown = NOT_ASKED
    machine: Machine | None = None
