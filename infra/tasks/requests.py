"""Which task definition, cluster and network a one-off task of a service uses: pure lookups in stack outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from infra import naming
from infra.aws.ecs import Network
from infra.config import Config
from infra.errors import EstaleiroError
from infra.stacks import in_public_subnets
from infra.stacks.draft import pascal
from infra.tasks.one_off import TaskRequest

Outputs = Mapping[str, Mapping[str, str]]


def request_for(config: Config, outputs: Outputs, service: str, task: str, *, token: str) -> TaskRequest:
    """Return the request for a task that the release stack of a service defines.

    `token` is any text; the same text never starts two tasks. Raises EstaleiroError before the first deploy.
    """
    environment = config.environment
    part = naming.release_part(service)
    definition = outputs.get(part, {}).get(task_output(task))
    cluster = outputs.get("cluster", {})
    if definition is None or "ClusterName" not in cluster:
        raise EstaleiroError(
            f"{service} has no {task} task in {environment.name}: its release is not deployed; "
            f"run `./deploy.py deploy {environment.name}` first"
        )
    return TaskRequest(
        service=service,
        task_definition=definition,
        cluster=cluster["ClusterName"],
        log_group=naming.log_group(environment.project, environment.name, service),
        token=hashlib.sha256(token.encode()).hexdigest()[:32],
        capacity_provider=cluster.get("CapacityProvider"),
        network=_network(config, outputs),
        deadline=environment.deploy.task_seconds,
        placement=environment.deploy.placement_seconds,
    )


def as_it_serves(request: TaskRequest, parameters: Mapping[str, str], process: str) -> TaskRequest:
    """Return the request with the task definition that a service stack's `parameters` say; a rollback or a failed deploy
    leaves a newer one in the release stack, whose code serves nobody."""
    definition = parameters.get(task_output(process))
    return replace(request, task_definition=definition) if definition else request


def task_output(task: str) -> str:
    """Return the release stack's output for a task definition: `web` to `WebTaskDefinition`."""
    return f"{pascal(task)}TaskDefinition"


def service_output(process: str) -> str:
    """Return the service stack's output for the name of an ECS service: `web` to `WebService`."""
    return f"{pascal(process)}Service"


def _network(config: Config, outputs: Outputs) -> Network | None:
    """Tasks have an address of their own on Fargate only."""
    if not config.environment.fargate:
        return None
    network = outputs["network"]
    subnets = tuple(network["TaskSubnetIds"].split(","))
    return Network(subnets, (network["TasksSecurityGroupId"],), in_public_subnets(config.environment))
