"""The facts of the fast rules: few calls, in parallel, to the services that a deploy talks to anyway."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra import naming
from infra.aws import Aws
from infra.checks.facts import (
    NOT_DEPLOYED,
    DatabaseFact,
    Facts,
    HostFact,
    HostSize,
    Migrations,
    SecretFact,
)
from infra.checks.model import Unknown
from infra.checks.reading import tasks
from infra.checks.runtime import task_roles
from infra.checks.secrets import needs
from infra.config import Config
from infra.errors import AwsError, NotFound
from infra.evidence.unknown import known
from infra.migrations import revisions
from infra.migrations.applied import Applied
from infra.plan import FAILED_CREATES
from infra.stacks.model import Stack
from infra.steps import Actual, Plan

# Beside ECS_RESERVED_MEMORY, the kernel keeps about a twentieth of a host's memory from the agent.
_AGENT_SHARE, _RESERVED_MIB = 0.95, 256


def fast(
    aws: Aws,
    config: Config,
    desired: tuple[Stack, ...],
    actual: Actual,
    plan: Plan,
    *,
    root: Path,
    applied: Applied,
) -> Facts:
    """Return the facts of the fast rules, read in parallel."""
    facts = Facts(config, desired, actual=actual, plan=plan)
    with ThreadPoolExecutor(max_workers=12) as pool:
        groups = pool.submit(known, lambda: _log_groups(aws, config))
        hosts = pool.submit(known, lambda: _hosts(aws, actual))
        databases = pool.submit(known, lambda: _databases(aws, actual))
        records = pool.submit(known, lambda: applied.heads())
        facts = replace(facts, resources=_resources(aws, facts, pool.map))
        found = _secrets(aws, facts, pool.map)
        facts = replace(
            facts,
            secrets=found,
            log_groups=groups.result(),
            hosts=hosts.result(),
            databases=databases.result(),
            migrations=migrations(config, root, records.result()),
        )
    return replace(facts, host_size=known(lambda: _host_size(aws, facts)))


def migrations(
    config: Config, root: Path, recorded: Mapping[str, str | None] | Unknown
) -> dict[str, Migrations]:
    """Return what is known of each service's migrations."""
    found = {}
    for service in config.services:
        if service.database is None:
            continue
        at: str | Unknown = (
            recorded
            if isinstance(recorded, Unknown)
            else recorded.get(service.name) or Unknown("no migration has said where it is")
        )
        found[service.name] = Migrations(
            revisions.known(root, service.name), revisions.heads(root, service.name), at
        )
    return found


def _log_groups(aws: Aws, config: Config) -> frozenset[str]:
    prefix = naming.log_group(config.environment.project, config.environment.name, "")
    return frozenset(aws.logs.groups(prefix))


def _hosts(aws: Aws, actual: Actual) -> tuple[HostFact, ...] | Unknown:
    cluster = actual.stacks.get("cluster")
    if cluster is None or "ClusterName" not in cluster.outputs:
        return NOT_DEPLOYED
    return tuple(
        HostFact(
            name=host.instance,
            whole=HostSize(host.cpu, host.memory),
            free=HostSize(host.free_cpu, host.free_memory),
            architecture=host.attributes.get("ecs.cpu-architecture", ""),
        )
        for host in aws.ecs.container_instances(cluster.outputs["ClusterName"])
        if host.takes_tasks
    )


def _host_size(aws: Aws, facts: Facts) -> HostSize | None:
    """The size of the smallest host there is; before the first, that of the smallest configured type."""
    if facts.config.environment.fargate:
        return None
    if not isinstance(facts.hosts, Unknown) and facts.hosts:
        return min((host.whole for host in facts.hosts), key=lambda size: (size.memory, size.cpu))
    types = [aws.ec2.instance_type(name) for name in facts.config.environment.hosts.instance_types]
    sizes = [
        HostSize(one.cpus * 1024, int(one.memory * _AGENT_SHARE) - _RESERVED_MIB)
        for one in types
        if one is not None
    ]
    return min(sizes, key=lambda size: (size.memory, size.cpu), default=None)


def _databases(aws: Aws, actual: Actual) -> Mapping[str, DatabaseFact | None] | Unknown:
    instances = {
        part: stack.outputs["InstanceId"]
        for part, stack in actual.stacks.items()
        if "InstanceId" in stack.outputs and stack.status not in FAILED_CREATES
    }
    if not instances:
        return NOT_DEPLOYED
    found = {part: aws.rds.instance(id) for part, id in instances.items()}
    return {part: DatabaseFact(one.status, one.address) if one else None for part, one in found.items()}


def _resources(aws: Aws, facts: Facts, map_: Callable[..., Iterable[Any]]) -> dict[str, dict[str, str]]:
    """The physical ids of the deployed stacks that tasks take secrets and roles from."""
    assert not isinstance(facts.actual, Unknown)  # noqa: S101
    wanted = {naming.release_part(task.service) for task in tasks(facts.config, facts.stacks)}
    wanted |= {part for part, _ in task_roles(facts)}
    stacks = [
        stack
        for part, stack in facts.actual.stacks.items()
        if part in wanted and stack.status not in FAILED_CREATES
    ]

    def read(name: str) -> dict[str, str]:
        try:
            return {one.logical_id: one.physical_id for one in aws.cloudformation.resources(name)}
        except NotFound:
            return {}

    found = map_(read, [stack.name for stack in stacks])
    return {stack.part: ids for stack, ids in zip(stacks, found, strict=True)}


def _secrets(aws: Aws, facts: Facts, map_: Callable[..., Iterable[Any]]) -> dict[str, SecretFact]:
    ids = sorted(needs(facts))
    return dict(zip(ids, map_(lambda id: secret_fact(aws, id), ids), strict=True))


def secret_fact(aws: Aws, secret: str) -> SecretFact:
    """Read a secret and keep the names of its keys alone; who may not read it may still see that it is there."""
    try:
        value = aws.secrets.value(secret)
    except NotFound:
        return SecretFact("missing")
    except AwsError as error:
        try:
            there = aws.secrets.exists(secret)
        except AwsError:
            there = True
        return SecretFact("unreadable", why=str(error)) if there else SecretFact("missing")
    try:
        read = json.loads(value)
    except ValueError:
        return SecretFact("readable")
    return SecretFact("readable", keys=frozenset(read) if isinstance(read, dict) else None)
