"""ECS in templates: every property through the API's own shape; a stack waits until its services have proved themselves."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.cloudformation import api
from infra.local.cloudformation.registry import Existing, Made, Wanted, register
from infra.local.ecs import calls
from infra.local.errors import LocalCloudError

POLL = 0.2
STABILIZE_SECONDS = 3 * 3600.0
"""AWS gives a service three hours to become stable."""
SERVICE_GONE_SECONDS = 3600.0


class NotStabilized(LocalCloudError):
    """A service's deployment failed."""


def install() -> None:
    """Register the types."""
    register("AWS::ECS::Cluster", Cluster())
    register("AWS::ECS::CapacityProvider", CapacityProvider())
    register("AWS::ECS::ClusterCapacityProviderAssociations", Associations())
    register("AWS::ECS::TaskDefinition", TaskDefinition())
    register("AWS::ECS::Service", Service())


class Cluster:
    """`AWS::ECS::Cluster`; `Ref` is its name."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.properties.get("ClusterName") or wanted.name(255)
        values = calls.renamed(wanted.properties, ClusterSettings="settings") | {"ClusterName": name}
        return _cluster(calls.send("CreateCluster", values)["cluster"])

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        values = calls.renamed(wanted.properties, ClusterSettings="settings")
        cluster = existing.physical_id
        changed = api.accepts("ecs", "UpdateCluster", values)
        calls.send("UpdateCluster", changed, cluster=cluster)
        if "CapacityProviders" in values or "DefaultCapacityProviderStrategy" in values:
            calls.send(
                "PutClusterCapacityProviders",
                {"CapacityProviders": [], "DefaultCapacityProviderStrategy": []}
                | api.accepts("ecs", "PutClusterCapacityProviders", values),
                cluster=cluster,
            )
        made = _cluster(api.call("ecs", "DescribeClusters", clusters=[cluster])["clusters"][0])
        calls.retag(made.attributes["Arn"], existing.properties, wanted.properties)
        return made

    def delete(self, existing: Existing) -> None:
        with api.gone():
            cluster = existing.physical_id
            found = api.call("ecs", "DescribeClusters", clusters=[cluster])["clusters"]
            if found and found[0]["activeServicesCount"]:
                raise LocalCloudError("The Cluster cannot be deleted while Services are active.")
            api.call("ecs", "DeleteCluster", cluster=cluster)


def _cluster(record: Mapping[str, Any]) -> Made:
    return Made(record["clusterName"], {"Arn": record["clusterArn"]})


class CapacityProvider:
    """`AWS::ECS::CapacityProvider`; `Ref` is its name."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.properties.get("Name") or wanted.name(255)
        calls.send("CreateCapacityProvider", wanted.properties | {"Name": name})
        # MiniStack's creation forgets ManagedDraining; its update keeps all that it is given.
        return self._changed(name, wanted)

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self._changed(existing.physical_id, wanted)

    def _changed(self, name: str, wanted: Wanted) -> Made:
        provider = dict(wanted.properties.get("AutoScalingGroupProvider") or {})
        provider.pop("AutoScalingGroupArn", None)
        calls.send("UpdateCapacityProvider", {"AutoScalingGroupProvider": provider}, name=name)
        return Made(name)

    def delete(self, existing: Existing) -> None:
        with api.gone("InvalidParameterException"):
            api.call("ecs", "DeleteCapacityProvider", capacityProvider=existing.physical_id)


class Associations:
    """`AWS::ECS::ClusterCapacityProviderAssociations`; `Ref` is the cluster."""

    def create(self, wanted: Wanted) -> Made:
        calls.send("PutClusterCapacityProviders", wanted.properties)
        return Made(wanted.properties["Cluster"])

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        return self.create(wanted)

    def delete(self, existing: Existing) -> None:
        with api.gone():
            api.call(
                "ecs",
                "PutClusterCapacityProviders",
                cluster=existing.physical_id,
                capacityProviders=[],
                defaultCapacityProviderStrategy=[],
            )


class TaskDefinition:
    """`AWS::ECS::TaskDefinition`; `Ref` is the revision's ARN; every change but of tags registers a new revision."""

    def create(self, wanted: Wanted) -> Made:
        family = wanted.properties.get("Family") or wanted.name(255)
        answer = calls.send("RegisterTaskDefinition", wanted.properties | {"Family": family})
        arn = answer["taskDefinition"]["taskDefinitionArn"]
        return Made(arn, {"TaskDefinitionArn": arn})

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        calls.retag(existing.physical_id, existing.properties, wanted.properties)
        return Made(existing.physical_id, {"TaskDefinitionArn": existing.physical_id})

    def delete(self, existing: Existing) -> None:
        with api.gone("ClientException"):
            api.call("ecs", "DeregisterTaskDefinition", taskDefinition=existing.physical_id)


class Service:
    """`AWS::ECS::Service`; `Ref` is its ARN; made or changed when its deployment is SUCCESSFUL, gone when its tasks are."""

    def create(self, wanted: Wanted) -> Made:
        name = wanted.properties.get("ServiceName") or wanted.name(255)
        answer = calls.send("CreateService", _service(wanted.properties) | {"ServiceName": name})["service"]
        made = Made(answer["serviceArn"], {"ServiceArn": answer["serviceArn"], "Name": answer["serviceName"]})
        wanted.undo(lambda: _delete_service(answer["clusterArn"], answer["serviceArn"]))
        _wait(answer["currentServiceDeployment"])
        return made

    def update(self, existing: Existing, wanted: Wanted) -> Made:
        arn = existing.physical_id
        cluster = _cluster_of(arn)
        values = api.accepts(
            "ecs", "UpdateService", api.without(_service(wanted.properties), "Cluster", "Tags")
        )
        for name in ("LoadBalancers", "ServiceRegistries", "PlacementConstraints"):
            if name in existing.properties and name not in wanted.properties:
                values[name] = []
        before = _described(cluster, arn)["currentServiceDeployment"]
        answer = calls.send("UpdateService", values | {"Cluster": cluster, "Service": arn})["service"]
        calls.retag(arn, existing.properties, wanted.properties)
        if answer["currentServiceDeployment"] != before:
            _wait(answer["currentServiceDeployment"])
        else:
            _wait_for_count(cluster, arn)
        return Made(arn, {"ServiceArn": arn, "Name": answer["serviceName"]})

    def delete(self, existing: Existing) -> None:
        _delete_service(_cluster_of(existing.physical_id), existing.physical_id)


def _service(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The template says in the plural what the API says in the singular."""
    return calls.renamed(properties, PlacementStrategies="placementStrategy")


def _delete_service(cluster: str, arn: str) -> None:
    """Delete the service and return when its last task has stopped."""
    deadline = time.monotonic() + SERVICE_GONE_SECONDS
    with api.gone("ClusterNotFoundException", "ServiceNotFoundException"):
        calls.send("DeleteService", {"Cluster": cluster, "Service": arn, "Force": True})
        while time.monotonic() < deadline:
            found = api.call("ecs", "DescribeServices", cluster=cluster, services=[arn])["services"]
            if not found or found[0]["status"] == "INACTIVE":
                return
            time.sleep(POLL)
        raise LocalCloudError(
            f"service {arn} still has tasks an hour after its deletion; see DescribeServices"
        )


def _wait(deployment: str) -> None:
    """Return when the deployment is SUCCESSFUL; raise `NotStabilized` when it failed, which its rollback does not mend."""

    def is_done() -> bool:
        answer = api.call("ecs", "DescribeServiceDeployments", serviceDeploymentArns=[deployment])
        record = answer["serviceDeployments"][0]
        if record["status"] in ("STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"):
            raise NotStabilized(_failure(record))
        return bool(record["status"] == "SUCCESSFUL")

    _until(is_done)


def _wait_for_count(cluster: str, arn: str) -> None:
    """Return when a service that needed no deployment runs as many tasks as it should."""

    def is_done() -> bool:
        service = _described(cluster, arn)
        daemon = service["schedulingStrategy"] == "DAEMON"
        return bool(daemon or service["runningCount"] == service["desiredCount"])

    _until(is_done)


def _until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STABILIZE_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise NotStabilized(_handler_error("Exceeded attempts to wait", "NotStabilized"))
        time.sleep(POLL)


def _described(cluster: str, arn: str) -> dict[str, Any]:
    answer = api.call("ecs", "DescribeServices", cluster=cluster, services=[arn])
    found: dict[str, Any] = answer["services"][0]
    return found


def _failure(record: Mapping[str, Any]) -> str:
    """Say it as the resource handler of AWS does."""
    if record["deploymentCircuitBreaker"]["status"] == "TRIGGERED":
        words = "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
    else:
        words = f"Error occurred during operation '{record.get('statusReason', 'deployment stopped')}'."
    return _handler_error(words, "GeneralServiceException")


def _handler_error(words: str, code: str) -> str:
    return f'Resource handler returned message: "{words}" (RequestToken: {secrets.token_hex(16)}, HandlerErrorCode: {code})'


def _cluster_of(service_arn: str) -> str:
    return service_arn.split("/")[1]
