"""A service's release stack: its roles, secrets, key, queue, bucket, log group and task definitions, all before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

from troposphere import GetAtt, ecs, iam, logs

from infra import naming
from infra.config import Config, Process, Service
from infra.stacks.bucket import bucket_statements
from infra.stacks.draft import Draft, deletion_policy
from infra.stacks.keys import key_statement
from infra.stacks.material import Material, Release, material, policy_resources
from infra.stacks.model import Stack
from infra.stacks.oneoff import oneoff_tasks
from infra.stacks.policies import allow, role
from infra.stacks.pulling import image, pull_statements
from infra.stacks.queue import queue_statements
from infra.stacks.tasks import Task, health_check, task_definition
from infra.stacks.variables import process_secrets, process_variables


def release(config: Config, service: Service, images: Mapping[str, str]) -> Stack:
    """Return the release stack of a service. `images` maps image names to tags."""
    environment = config.environment
    draft = Draft(
        config,
        naming.release_part(service.name),
        f"Release of {service.name} in {environment.name}",
        tags={naming.release_tag(environment.project): images[service.name]},
    )
    _log_group(draft, service)
    own = material(draft, service)
    execution, task_role = (GetAtt(made, "Arn") for made in _roles(draft, service, own))
    writing = Release(draft, service, images, own=own, execution_role=execution, task_role=task_role)
    for name, process in service.processes.items():
        task_definition(draft, service.name, _task(writing, name, process))
    oneoff_tasks(writing)
    return draft.stack()


def _task(release: Release, name: str, process: Process) -> Task:
    draft, service = release.draft, release.service
    return Task(
        process=name,
        image=image(draft.environment, release.tag),
        command=process.command,
        cpu=process.cpu,
        memory=process.memory,
        variables=process_variables(release, name),
        secrets=process_secrets(draft.environment, service, release.own),
        execution_role=release.execution_role,
        task_role=release.task_role,
        port=service.http.port if service.http and name == "web" else None,
        health=_health(service, name, process),
        stop_timeout=process.stop_timeout,
    )


def _log_group(draft: Draft, service: Service) -> None:
    environment = draft.environment
    group = draft.add(
        logs.LogGroup(
            "LogGroup",
            DeletionPolicy=deletion_policy(environment),
            UpdateReplacePolicy="Retain",
            LogGroupName=naming.log_group(environment.project, environment.name, service.name),
            RetentionInDays=environment.logs.retention_days,
        )
    )
    draft.output("LogGroupArn", GetAtt(group, "Arn"))


def _roles(draft: Draft, service: Service, own: Material) -> tuple[iam.Role, iam.Role]:
    """Return the role that starts tasks (pull, log, read secrets) and the role that their code has."""
    environment = draft.environment
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("LogGroup", "Arn"))
    statements = [*pull_statements(environment), write]
    readable = policy_resources(environment, service, own)
    if readable:
        statements.append(allow(["secretsmanager:GetSecretValue"], readable))
    ecs_tasks = "ecs-tasks.amazonaws.com"
    execution = role("ExecutionRole", environment, service=ecs_tasks, statements=statements)
    used = queue_statements(own.queue) if own.queue else []
    used += bucket_statements(own.bucket) if own.bucket else []
    used += [key_statement(own.encryption_key, service)] if own.encryption_key else []
    task_role = role("TaskRole", environment, service=ecs_tasks, statements=used)
    return draft.add(execution), draft.add(task_role)


def _health(service: Service, name: str, process: Process) -> ecs.HealthCheck:
    chosen = process.health
    return health_check(
        chosen.command or _default_health(service, name),
        Interval=chosen.interval,
        Timeout=chosen.timeout,
        Retries=chosen.retries,
        StartPeriod=chosen.start_period,
    )


def _default_health(service: Service, name: str) -> tuple[str, ...]:
    """Return the check that the images bring: HTTP for web, the age of a file for what answers nobody."""
    if service.public:
        return ("/usr/local/bin/healthcheck",)
    kind = "web" if service.http and name == "web" else "heartbeat"
    return ("python3", "-m", "chassis.healthcheck", kind)
