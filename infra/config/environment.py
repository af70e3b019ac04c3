"""An environment, infra/environments/<name>.toml over base.toml, as frozen models."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.config.models import AccountId, Duration, EnvironmentName, Model, ProjectName, Region
from infra.config.schedule import Schedule
from infra.config.service import Count, Cpu, Memory, Scale

Architecture = Literal["x86_64", "arm64"]
InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9]+$")]


def architecture_of(instance_type: str) -> Architecture:
    """Return the processor of an EC2 type: a `g` straight after the generation means Graviton (EC2 naming)."""
    return "arm64" if re.match(r"^([a-z]+\d+g[a-z]*|a1)\.", instance_type) else "x86_64"


class Images(Model):
    """Where images live. Environments may share one registry."""

    registry_account: AccountId | None = None
    architecture: Architecture | None = None


class Network(Model):
    """The VPC. `existing` names a VPC and its subnets to use instead of making them."""

    cidr: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+\.\d+/16$")] = "10.0.0.0/16"
    availability_zones: Annotated[int, Field(ge=2, le=3)] = 2
    nat: Literal["none", "instance", "gateway"] = "none"
    existing: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _existing_is_whole(self) -> Self:
        wanted = {"vpc_id", "public_subnet_ids", "private_subnet_ids"}
        if self.existing and set(self.existing) != wanted:
            raise ValueError(f"existing should hold exactly {', '.join(sorted(wanted))}")
        return self


class Hosts(Model):
    """The ECS capacity. `volume_gb` is the root volume of a host in GB."""

    os: Literal["flatcar", "fedora-coreos", "fargate"] = "flatcar"
    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)] = ("t3.medium",)
    spot: bool = False
    min: Annotated[int, Field(ge=0, le=100)] = 1
    max: Annotated[int, Field(ge=1, le=100)] = 2
    volume_gb: Annotated[int, Field(ge=10, le=1000)] = 30
    ssh_keys: tuple[str, ...] = ()
    agent_version: Annotated[str, StringConstraints(pattern=r"^v\d+\.\d+\.\d+$")] = "v1.105.1"
    ssm: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min should not be over max ({self.min} > {self.max})")
        if len({architecture_of(kind) for kind in self.instance_types}) > 1:
            raise ValueError("instance_types should all be of one architecture (t4g is arm64, t3 is x86_64)")
        if self.ssm and self.os != "flatcar":
            raise ValueError(
                "ssm should be false except on flatcar, the one system that comes with the agent"
            )
        return self

    @property
    def architecture(self) -> Architecture:
        """The processor of the hosts."""
        return architecture_of(self.instance_types[0])


class Database(Model):
    """The RDS PostgreSQL instance. `storage_gb` in GB, `backup_days` in days."""

    instance: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.micro"
    version: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?$")] = "17"
    storage_gb: Annotated[int, Field(ge=20, le=65536)] = 20
    multi_az: bool = False
    isolation: Literal["shared", "dedicated"] = "shared"
    backup_days: Annotated[int, Field(ge=0, le=35)] = 1
    final_snapshot: bool = False


class Edge(Model):
    """The public door. No domain: plain HTTP on the load balancer's own name."""

    domain: str | None = None
    zone_id: str | None = None
    certificate_arn: str | None = None

    @model_validator(mode="after")
    def _certificate(self) -> Self:
        if self.domain and not (self.zone_id or self.certificate_arn):
            raise ValueError("a domain needs zone_id (a certificate is made) or certificate_arn")
        return self


class Logs(Model):
    """CloudWatch Logs. Days as CloudWatch knows them (PutRetentionPolicy)."""

    retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] = 14


class Ci(Model):
    """Who may deploy without a person: the workflows of one GitHub repository, by OIDC."""

    github_repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None


class Alarms(Model):
    """Where alarms go; without an address they are only seen in the console."""

    email: str | None = None


class Deploy(Model):
    """How long the tool waits. All in seconds."""

    soak_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    hosts_ready_seconds: Annotated[int, Field(ge=10, le=3600)] = 600
    service_seconds: Annotated[int, Field(ge=30, le=7200)] = 1200
    task_seconds: Annotated[int, Field(ge=30, le=86400)] = 3600
    placement_seconds: Annotated[int, Field(ge=10, le=3600)] = 600
    stack_seconds: Annotated[int, Field(ge=60, le=14400)] = 3600
    lock_seconds: Annotated[int, Field(ge=30, le=3600)] = 60


class ProcessOverride(Model):
    """What an environment may change of a process."""

    count: Count | None = None
    scale: Scale | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None


class ServiceOverride(Model):
    """What an environment may change of a service."""

    processes: dict[str, ProcessOverride] = Field(default_factory=dict)


class Environment(Model):
    """One whole environment: base.toml overlaid by its own file."""

    name: EnvironmentName
    project: ProjectName
    account: AccountId
    region: Region
    protected: bool = False
    expires_after: Duration | None = None
    schedule: Schedule | None = None
    images: Images = Images()
    network: Network = Network()
    hosts: Hosts = Hosts()
    database: Database = Database()
    edge: Edge = Edge()
    logs: Logs = Logs()
    alarms: Alarms = Alarms()
    ci: Ci = Ci()
    deploy: Deploy = Deploy()
    services: dict[str, ServiceOverride] = Field(default_factory=dict)

    @property
    def fargate(self) -> bool:
        """Whether tasks run on Fargate and no hosts exist."""
        return self.hosts.os == "fargate"

    @property
    def architecture(self) -> Architecture:
        """The processor that images are built for."""
        if self.images.architecture:
            return self.images.architecture
        return "x86_64" if self.fargate else self.hosts.architecture

    @property
    def registry_account(self) -> str:
        """The account whose ECR repository holds the images."""
        return self.images.registry_account or self.account

    @property
    def domain(self) -> str | None:
        """The public name of the gateway, or None for plain HTTP on the load balancer's own."""
        return self.edge.domain.replace("{environment}", self.name) if self.edge.domain else None

    @property
    def internal_domain(self) -> str:
        """The private zone in which `<service>.<domain>` is found."""
        return f"{self.name}.internal"
