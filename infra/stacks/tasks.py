"""Task definitions: what runs, with which command, variables, secrets and limits; kept when they are replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import Ref, ecs

from infra import naming
from infra.config import Environment
from infra.stacks.draft import Draft, pascal

USER = "10001:10001"
TMP = "/tmp"  # noqa: S108 - a path inside the container
TMP_MIB = 64
OPEN_FILES = 65536
ARCHITECTURES = {"x86_64": "X86_64", "arm64": "ARM64"}


@dataclass(frozen=True)
class Task:
    """One task definition to be. `cpu` in CPU units, `memory` in MiB, `stop_timeout` in seconds."""

    process: str
    image: str
    command: Sequence[str]
    cpu: int
    memory: int
    variables: Mapping[str, Any]
    secrets: Mapping[str, Any]
    execution_role: Any
    task_role: Any = None
    port: int | None = None
    health: ecs.HealthCheck | None = None
    stop_timeout: int = 30


def task_definition(draft: Draft, service: str, task: Task) -> ecs.TaskDefinition:
    """Add a task definition and offer its ARN as `<Process>TaskDefinition`.

    It is retained on replacement and deletion: a rollback needs the old revision, and a service may still run it.
    """
    environment = draft.environment
    optional = {"TaskRoleArn": task.task_role} if task.task_role else {}
    made = draft.add(
        ecs.TaskDefinition(
            f"{pascal(task.process)}TaskDefinition",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Family=naming.task_family(environment.project, environment.name, service, task.process),
            ExecutionRoleArn=task.execution_role,
            ContainerDefinitions=[_container(environment, task)],
            **_platform(environment, task),
            **optional,
        )
    )
    draft.output(made.title, Ref(made))
    return made


def health_check(command: Sequence[str], **seconds: int) -> ecs.HealthCheck:
    """Return ECS's health check of a container; the command runs without a shell unless it asks for one."""
    shell_or_not = command[0] in ("CMD", "CMD-SHELL")
    return ecs.HealthCheck(Command=[*(() if shell_or_not else ("CMD",)), *command], **seconds)


def _platform(environment: Environment, task: Task) -> dict[str, Any]:
    """On hosts: bridge networking, limits by container. On Fargate: the task as a whole has a size and a network."""
    if not environment.fargate:
        return {"NetworkMode": "bridge", "RequiresCompatibilities": ["EC2"]}
    return {
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "Cpu": str(task.cpu),
        "Memory": str(task.memory),
        "RuntimePlatform": ecs.RuntimePlatform(
            CpuArchitecture=ARCHITECTURES[environment.architecture], OperatingSystemFamily="LINUX"
        ),
        "Volumes": [ecs.Volume(Name="tmp")],
    }


def _container(environment: Environment, task: Task) -> ecs.ContainerDefinition:
    optional: dict[str, Any] = {}
    if task.port:
        optional["PortMappings"] = [_port(environment, task.port)]
    if task.health:
        optional["HealthCheck"] = task.health
    if task.secrets:
        optional["Secrets"] = [
            ecs.Secret(Name=name, ValueFrom=source) for name, source in sorted(task.secrets.items())
        ]
    if environment.fargate:
        optional["MountPoints"] = [ecs.MountPoint(SourceVolume="tmp", ContainerPath=TMP, ReadOnly=False)]
    return ecs.ContainerDefinition(
        Name=task.process,
        Image=task.image,
        Essential=True,
        Command=list(task.command),
        Cpu=task.cpu,
        Memory=task.memory,
        User=USER,
        ReadonlyRootFilesystem=True,
        StopTimeout=task.stop_timeout,
        LinuxParameters=_linux(environment),
        Ulimits=[ecs.Ulimit(Name="nofile", SoftLimit=OPEN_FILES, HardLimit=OPEN_FILES)],
        Environment=[
            ecs.Environment(Name=name, Value=value) for name, value in sorted(task.variables.items())
        ],
        LogConfiguration=_logs(environment, task.process),
        **optional,
    )


def _port(environment: Environment, port: int) -> ecs.PortMapping:
    """Host port 0: Docker picks a free one, so that several tasks of a service share a host."""
    host = {} if environment.fargate else {"HostPort": 0}
    return ecs.PortMapping(ContainerPort=port, Protocol="tcp", **host)


def _linux(environment: Environment) -> ecs.LinuxParameters:
    """An init that reaps and passes signals on, no capabilities; Fargate knows no tmpfs, a volume stands in."""
    tmpfs = {
        "Tmpfs": [
            ecs.Tmpfs(ContainerPath=TMP, Size=TMP_MIB, MountOptions=["rw", "noexec", "nosuid", "nodev"])
        ]
    }
    return ecs.LinuxParameters(
        InitProcessEnabled=True,
        Capabilities=ecs.KernelCapabilities(Drop=["ALL"]),
        **({} if environment.fargate else tmpfs),
    )


def _logs(environment: Environment, process: str) -> ecs.LogConfiguration:
    """A full buffer drops lines rather than stop the process: logs must not take a service down."""
    return ecs.LogConfiguration(
        LogDriver="awslogs",
        Options={
            "awslogs-group": Ref("LogGroup"),
            "awslogs-region": environment.region,
            "awslogs-stream-prefix": process,
            "mode": "non-blocking",
            "max-buffer-size": "4m",
        },
    )
