"""A service's manifest, services/<name>/service.toml, as frozen models."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from infra.config.models import Model, Percent, Port, ProcessName, ServiceName

# 128 exists on hosts only; Fargate starts at 256 and checks the pair with memory (infra.config.rules).
Cpu = Literal[128, 256, 512, 1024, 2048, 4096]
Memory = Annotated[int, Field(ge=64, le=30720)]
Count = Annotated[int, Field(ge=0, le=1000)]
Scope = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*:[a-z][a-z0-9_-]*$")]
Command = Annotated[tuple[str, ...], Field(min_length=1)]


class Issuer(Model):
    """Marks the one service that issues tokens; it is deployed before every service that calls another."""


class Http(Model):
    """How a service is reached. `routes` are regular expressions on the path, matched at the gateway."""

    port: Port
    routes: tuple[str, ...] = ()
    rate_limit: Annotated[str, StringConstraints(pattern=r"^[1-9]\d*/[sm]$")] = "100/s"
    health: Annotated[str, StringConstraints(pattern=r"^/")] = "/health/ready"
    priority: Annotated[int, Field(ge=1, le=50000)] | None = None
    deregistration_seconds: Annotated[int, Field(ge=1, le=3600)] = 15


class ServiceDatabase(Model):
    """The service's own database; its logins are `<name>_owner`, `<name>_app`, `<name>_reader`."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class Queue(Model):
    """One SQS queue and its dead-letter queue. Times in seconds."""

    visibility_timeout: Annotated[int, Field(ge=30, le=43200)] = 360
    max_receives: Annotated[int, Field(ge=1, le=1000)] = 5
    retention_days: Annotated[int, Field(ge=1, le=14)] = 4


class Bucket(Model):
    """One private S3 bucket for what clients upload and fetch by signed addresses."""


class Secrets(Model):
    """Names of secrets whose values are set by `secrets set`, outside stacks."""

    names: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], ...] = ()


class Deployment(Model):
    """How a rollout is judged (AWS::ECS::Service DeploymentCircuitBreaker, EarlySuccessCriteria)."""

    failures: Annotated[int, Field(ge=1, le=200)] = 3
    early_success: bool = False


class Health(Model):
    """The container's health check (ECS HealthCheck); times in seconds. No command: the process's own."""

    command: Command | None = None
    interval: Annotated[int, Field(ge=5, le=300)] = 15
    timeout: Annotated[int, Field(ge=2, le=60)] = 5
    retries: Annotated[int, Field(ge=1, le=10)] = 3
    start_period: Annotated[int, Field(ge=0, le=300)] = 30


class Scale(Model):
    """Target tracking on average CPU and, with `age`, on how long the oldest message of the queue has waited."""

    min: Count
    max: Annotated[int, Field(ge=1, le=1000)]
    cpu: Percent = 60
    age: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,3}[sm]$")] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min should not be over max ({self.min} > {self.max})")
        return self

    @property
    def age_seconds(self) -> int | None:
        """The age as a number; None where it does not scale."""
        return int(self.age[:-1]) * (60 if self.age.endswith("m") else 1) if self.age else None


class Process(Model):
    """One kind of task of a service. `cpu` in CPU units (1024 = one core), `memory` in MiB."""

    command: Command
    cpu: Cpu
    memory: Memory
    count: Count | None = None
    scale: Scale | None = None
    singleton: bool = False
    stop_timeout: Annotated[int, Field(ge=2, le=120)] = 30
    health: Health = Health()

    @model_validator(mode="after")
    def _one_count(self) -> Self:
        if self.count is not None and self.scale is not None:
            raise ValueError("should have count or scale, not both")
        if self.singleton and (self.scale is not None or self.count not in (None, 0, 1)):
            raise ValueError("a singleton should have no scale and a count of at most 1")
        return self

    @property
    def desired(self) -> int:
        """How many tasks run when nothing scales them."""
        if self.scale is not None:
            return self.scale.min
        return 1 if self.count is None else self.count


class Service(Model):
    """A folder in services/ with a service.toml. `name` is the folder's name."""

    name: ServiceName
    description: str
    public: bool = False
    issuer: Issuer | None = None
    http: Http | None = None
    database: ServiceDatabase | None = None
    queue: Queue | None = None
    bucket: Bucket | None = None
    calls: dict[str, tuple[Scope, ...]] = Field(default_factory=dict)
    secrets: Secrets = Secrets()
    deployment: Deployment = Deployment()
    processes: Annotated[dict[ProcessName, Process], Field(min_length=1)]

    @property
    def web(self) -> Process | None:
        """The process that answers HTTP, by convention the one named `web`."""
        return self.processes.get("web") if self.http else None
