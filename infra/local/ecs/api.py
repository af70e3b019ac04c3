"""Which action of the ECS API is answered by which function of ours; the others stay MiniStack's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import ecs

from infra.local.ecs import deployment_api, host_api, machines, service_api, task_api
from infra.local.ecs.records import EcsError, Record

Handler = Callable[[Record], Record]

ACTIONS: dict[str, Handler] = {
    "CreateService": service_api.create,
    "UpdateService": service_api.update,
    "DeleteService": service_api.delete,
    "DescribeServices": service_api.describe,
    "RunTask": task_api.run,
    "StartTask": task_api.start,
    "StopTask": task_api.stop,
    "ListTasks": task_api.list_tasks,
    "ListServiceDeployments": deployment_api.list_deployments,
    "DescribeServiceDeployments": deployment_api.describe,
    "DescribeServiceRevisions": deployment_api.describe_revisions,
    "StopServiceDeployment": deployment_api.stop,
    "ListContainerInstances": host_api.list_instances,
    "DescribeContainerInstances": host_api.describe,
    "UpdateContainerInstancesState": host_api.update_state,
    "DeregisterContainerInstance": host_api.deregister,
}


def install() -> None:
    """Put our functions in the place of MiniStack's."""
    for action, handler in ACTIONS.items():
        ecs._ACTION_MAP[action] = _answering(handler)
    families = ecs._ACTION_MAP["ListTaskDefinitionFamilies"]
    # MiniStack takes ALL for a status of its own; without a status it lists every family.
    ecs._ACTION_MAP["ListTaskDefinitionFamilies"] = lambda data: families(
        {**data, "status": ""} if data.get("status") == "ALL" else data
    )
    machines.install()
    ecs._ACTION_MAP["DescribeClusters"] = _counting_hosts(ecs._ACTION_MAP["DescribeClusters"])


def _answering(handler: Handler) -> Callable[[Record], Any]:
    def answer(data: Record) -> Any:
        try:
            return responses.json_response(handler(data))
        except EcsError as error:
            return responses.error_response_json(error.code, str(error), 400)

    return answer


def _counting_hosts(describe: Callable[[Record], Any]) -> Callable[[Record], Any]:
    """Wrap DescribeClusters: the count of registered container instances is ours to tell."""
    from infra.local.ecs import hosts
    from infra.local.ecs.records import clusters

    def answer(data: Record) -> Any:
        for cluster in clusters():
            cluster["registeredContainerInstancesCount"] = len(hosts.of_cluster(cluster["clusterArn"]))
        return describe(data)

    return answer
