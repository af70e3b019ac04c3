"""Services and their deployments; whether a release works is ECS's word on the service deployment, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from infra.aws.batches import batches
from infra.aws.client import Client
from infra.errors import NotFound


@dataclass(frozen=True)
class Deployment:
    """One line of a service's deployments. `status`: PRIMARY is the newest; `id` is its tasks' `started_by`."""

    id: str
    status: str
    task_definition: str
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    rollout: str = ""
    rollout_reason: str = ""
    created: datetime | None = None


@dataclass(frozen=True)
class ServiceEvent:
    """One sentence that the scheduler said about a service."""

    id: str
    time: datetime
    message: str


@dataclass(frozen=True)
class ServiceState:
    """A service as it is. Deployments and events are newest first, as ECS gives them."""

    name: str
    arn: str
    status: str
    desired: int
    running: int
    pending: int
    task_definition: str
    deployments: tuple[Deployment, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    target_groups: tuple[str, ...] = ()
    created: datetime | None = None

    @property
    def primary(self) -> Deployment | None:
        """The newest deployment."""
        return next((one for one in self.deployments if one.status == "PRIMARY"), None)


@dataclass(frozen=True)
class Rollback:
    """Why and to which service revision ECS went back."""

    reason: str
    revision: str


@dataclass(frozen=True)
class ServiceDeployment:
    """ECS's own record of a deployment. `failures` and `threshold` are the circuit breaker's."""

    arn: str
    status: str
    status_reason: str
    target_revision: str
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    failures: int = 0
    threshold: int = 0
    rollback: Rollback | None = None

    @property
    def is_finished(self) -> bool:
        """True when ECS will do no more for it."""
        return self.status in {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}

    @property
    def succeeded(self) -> bool:
        """True for the one status that means that the new revision stands."""
        return self.status == "SUCCESSFUL"


class Services:
    """What services there are, how their deployments go, and the few calls that change them beside a stack."""

    _client: Client

    def services(self, cluster: str, names: Iterable[str]) -> dict[str, ServiceState]:
        """Return those of the services that exist, by name; deleted ones (INACTIVE) do not."""
        found: dict[str, ServiceState] = {}
        # DescribeServices takes 10 at a time.
        for batch in batches(names, 10):
            answer = self._client.call("describe_services", cluster=cluster, services=list(batch))
            states = map(service_state, answer.get("services") or ())
            found |= {state.name: state for state in states if state.status != "INACTIVE"}
        return found

    def list_services(self, cluster: str) -> tuple[str, ...]:
        """Return the names of a cluster's services. Raises NotFound where there is no cluster."""
        arns = self._client.items("list_services", "serviceArns", cluster=cluster)
        return tuple(sorted(arn.rpartition("/")[2] for arn in arns))

    def service_deployments(
        self, cluster: str, service: str, created_after: datetime | None = None
    ) -> tuple[ServiceDeployment, ...]:
        """Return a service's deployments, newest first; ECS keeps those of the last 90 days."""
        more: dict[str, Any] = {"createdAt": {"after": created_after}} if created_after else {}
        arns: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = self._client.call(
                "list_service_deployments", cluster=cluster, service=service, **more, **token
            )
            arns += [entry["serviceDeploymentArn"] for entry in page.get("serviceDeployments") or ()]
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
        found: list[ServiceDeployment] = []
        # DescribeServiceDeployments takes 20 at a time.
        for batch in batches(arns, 20):
            answer = self._client.call("describe_service_deployments", serviceDeploymentArns=list(batch))
            found += map(_service_deployment, answer.get("serviceDeployments") or ())
        beginning = datetime.min.replace(tzinfo=UTC)
        return tuple(sorted(found, key=lambda one: one.created or beginning, reverse=True))

    def service_revision_task_definition(self, revision_arn: str) -> str:
        """Return the ARN of the task definition that a service revision runs. Raises NotFound."""
        answer = self._client.call("describe_service_revisions", serviceRevisionArns=[revision_arn])
        revisions = answer.get("serviceRevisions") or ()
        if not revisions:
            raise NotFound(f"ECS knows no service revision {revision_arn}", code="MISSING")
        return str(revisions[0]["taskDefinition"])

    def stop_service_deployment(self, arn: str, kind: Literal["ROLLBACK", "ABORT"] = "ROLLBACK") -> None:
        """End a deployment: go back to the revision before, or leave everything as it is now (ABORT)."""
        self._client.call("stop_service_deployment", serviceDeploymentArn=arn, stopType=kind)

    def update_service(
        self, cluster: str, name: str, *, desired: int | None = None, force: bool = False
    ) -> None:
        """Set how many tasks there should be, or with `force` replace them all by new ones. Raises NotFound."""
        more: dict[str, Any] = {"desiredCount": desired} if desired is not None else {}
        more |= {"forceNewDeployment": True} if force else {}
        self._client.call("update_service", cluster=cluster, service=name, **more)


def service_state(entry: Mapping[str, Any]) -> ServiceState:
    """Read one entry of DescribeServices."""
    return ServiceState(
        name=entry["serviceName"],
        arn=entry["serviceArn"],
        status=entry["status"],
        desired=entry.get("desiredCount", 0),
        running=entry.get("runningCount", 0),
        pending=entry.get("pendingCount", 0),
        task_definition=entry.get("taskDefinition") or "",
        deployments=tuple(_deployment(one) for one in entry.get("deployments") or ()),
        events=tuple(
            ServiceEvent(one["id"], one["createdAt"], one["message"]) for one in entry.get("events") or ()
        ),
        target_groups=tuple(
            one["targetGroupArn"] for one in entry.get("loadBalancers") or () if one.get("targetGroupArn")
        ),
        created=entry.get("createdAt"),
    )


def _deployment(entry: Mapping[str, Any]) -> Deployment:
    return Deployment(
        id=entry["id"],
        status=entry.get("status") or "",
        task_definition=entry.get("taskDefinition") or "",
        desired=entry.get("desiredCount", 0),
        running=entry.get("runningCount", 0),
        pending=entry.get("pendingCount", 0),
        failed=entry.get("failedTasks", 0),
        rollout=entry.get("rolloutState") or "",
        rollout_reason=entry.get("rolloutStateReason") or "",
        created=entry.get("createdAt"),
    )


def _service_deployment(entry: Mapping[str, Any]) -> ServiceDeployment:
    breaker = entry.get("deploymentCircuitBreaker") or {}
    back = entry.get("rollback")
    return ServiceDeployment(
        arn=entry["serviceDeploymentArn"],
        status=entry["status"],
        status_reason=entry.get("statusReason") or "",
        target_revision=(entry.get("targetServiceRevision") or {}).get("arn", ""),
        created=entry.get("createdAt"),
        started=entry.get("startedAt"),
        finished=entry.get("finishedAt"),
        failures=breaker.get("failureCount", 0),
        threshold=breaker.get("threshold", 0),
        rollback=Rollback(back.get("reason", ""), back.get("serviceRevisionArn", "")) if back else None,
    )
