"""The cluster's hosts (ECS: container instances): what room they have, and how one is emptied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.aws.batches import batches
from infra.aws.client import Client
from infra.errors import NotFound


@dataclass(frozen=True)
class Host:
    """One host. CPU in units (1024 a core), memory in MiB; `free_...` is what tasks have not reserved."""

    arn: str
    instance: str
    status: str
    connected: bool
    running: int
    pending: int
    cpu: int
    memory: int
    free_cpu: int
    free_memory: int
    attributes: dict[str, str] = field(default_factory=dict)
    agent: str = ""
    docker: str = ""
    provider: str = ""
    registered: datetime | None = None

    @property
    def takes_tasks(self) -> bool:
        """True where ECS may place a task: active, and its agent answers."""
        return self.status == "ACTIVE" and self.connected


class Hosts:
    """Reading, draining and removing hosts."""

    _client: Client

    def container_instances(self, cluster: str) -> tuple[Host, ...]:
        """Return every host of a cluster, draining ones as well. Raises NotFound where there is no cluster."""
        arns = self._client.items("list_container_instances", "containerInstanceArns", cluster=cluster)
        found: list[Host] = []
        # DescribeContainerInstances takes 100 at a time.
        for batch in batches(arns, 100):
            answer = self._client.call(
                "describe_container_instances", cluster=cluster, containerInstances=list(batch)
            )
            found += map(_host, answer.get("containerInstances") or ())
        return tuple(sorted(found, key=lambda host: host.instance))

    def drain_host(self, cluster: str, arn: str) -> None:
        """Move a host's service tasks elsewhere and place no more; `activate_host` undoes it."""
        self._set(cluster, arn, "DRAINING")

    def activate_host(self, cluster: str, arn: str) -> None:
        """Let ECS place tasks on a host again."""
        self._set(cluster, arn, "ACTIVE")

    def deregister_host(self, cluster: str, arn: str, *, force: bool = False) -> None:
        """Take a host out of its cluster; with `force` while tasks run on it. One that is gone is fine."""
        try:
            self._client.call(
                "deregister_container_instance", cluster=cluster, containerInstance=arn, force=force
            )
        except NotFound:
            return

    def free_provider(self, name: str) -> None:
        """Let ECS no longer protect the hosts with tasks from being ended; a provider that is gone is fine."""
        try:
            answer = self._client.call("describe_capacity_providers", capacityProviders=[name])
            for found in answer.get("capacityProviders") or ():
                given = found.get("autoScalingGroupProvider") or {}
                if found.get("status") == "ACTIVE" and given.get("managedTerminationProtection") == "ENABLED":
                    self._client.call(
                        "update_capacity_provider",
                        name=found["name"],
                        autoScalingGroupProvider={"managedTerminationProtection": "DISABLED"},
                    )
        except NotFound:
            return

    def _set(self, cluster: str, arn: str, status: str) -> None:
        answer = self._client.call(
            "update_container_instances_state", cluster=cluster, containerInstances=[arn], status=status
        )
        for failure in answer.get("failures") or ():
            raise NotFound(f"host {arn} cannot be set to {status}: {failure.get('reason')}", code="MISSING")


def _host(entry: Mapping[str, Any]) -> Host:
    whole, free = _resources(entry.get("registeredResources")), _resources(entry.get("remainingResources"))
    versions = entry.get("versionInfo") or {}
    return Host(
        arn=entry["containerInstanceArn"],
        instance=entry.get("ec2InstanceId") or "",
        status=entry.get("status") or "",
        connected=bool(entry.get("agentConnected")),
        running=entry.get("runningTasksCount", 0),
        pending=entry.get("pendingTasksCount", 0),
        cpu=whole.get("CPU", 0),
        memory=whole.get("MEMORY", 0),
        free_cpu=free.get("CPU", 0),
        free_memory=free.get("MEMORY", 0),
        attributes={one["name"]: one.get("value") or "" for one in entry.get("attributes") or ()},
        agent=versions.get("agentVersion") or "",
        docker=versions.get("dockerVersion") or "",
        provider=entry.get("capacityProviderName") or "",
        registered=entry.get("registeredAt"),
    )


def _resources(entries: Any) -> dict[str, int]:
    return {entry["name"]: int(entry.get("integerValue") or 0) for entry in entries or ()}
