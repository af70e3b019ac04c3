"""Simulated hosts: made by Auto Scaling groups, filled by placement, drained, lost, and grown when tasks wait."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest

from tests.local.cloud import Cloud, wait_for
from tests.local.workloads import HEALTH, Ecs, build_image, python

SLEEP = {
    "command": python("import signal, time; signal.signal(15, lambda *_: exit(0)); time.sleep(600)"),
    "stopTimeout": 5,
}
SMALL_MEMORY = 1945


def fault(cloud: Cloud, **wanted: Any) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{cloud.settings.endpoint_url}/_local-cloud/faults", data=json.dumps(wanted).encode()
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_an_instance_type_is_told_with_the_size_that_its_hosts_have(cloud: Cloud) -> None:
    found = cloud.client("ec2").describe_instance_types(
        InstanceTypes=["t3.xlarge", "m7g.medium", "r7i.2xlarge"]
    )

    assert {
        one["InstanceType"]: (
            one["VCpuInfo"]["DefaultVCpus"],
            one["MemoryInfo"]["SizeInMiB"],
            one["ProcessorInfo"]["SupportedArchitectures"],
        )
        for one in found["InstanceTypes"]
    } == {
        "t3.xlarge": (4, 16384, ["x86_64"]),
        "m7g.medium": (1, 4096, ["arm64"]),
        "r7i.2xlarge": (8, 65536, ["x86_64"]),
    }


@pytest.fixture
def ecs(cloud: Cloud) -> Iterator[Ecs]:
    """A cluster with a group of t3.small hosts: one of at most two, grown by ECS."""
    build_image()
    name = f"hosts-{uuid.uuid4().hex[:6]}"
    api, groups = cloud.client("ecs"), cloud.client("autoscaling")
    template = cloud.client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.small", "ImageId": "ami-12345678"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    groups.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=1,
        MaxSize=2,
        LaunchTemplate={"LaunchTemplateId": template},
        AvailabilityZones=["eu-west-1a"],
    )
    arn = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0][
        "AutoScalingGroupARN"
    ]
    scaling = {"status": "ENABLED", "targetCapacity": 100}
    api.create_capacity_provider(
        name=name, autoScalingGroupProvider={"autoScalingGroupArn": arn, "managedScaling": scaling}
    )
    api.create_cluster(clusterName=name)
    strategy = [{"capacityProvider": name, "weight": 1}]
    api.put_cluster_capacity_providers(
        cluster=name, capacityProviders=[name], defaultCapacityProviderStrategy=strategy
    )
    made = Ecs(cloud, name)
    wait_for("the first host", lambda: hosts(made))
    yield made
    fault(cloud, fault="no-capacity", on=False)
    for service in api.list_services(cluster=name)["serviceArns"]:
        made.remove(service.rsplit("/", 1)[-1])
    for task in api.list_tasks(cluster=name)["taskArns"]:
        api.stop_task(cluster=name, task=task)
        made.ended(task)
    groups.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    api.delete_cluster(cluster=name)


def hosts(ecs: Ecs) -> list[dict[str, Any]]:
    arns = ecs.api.list_container_instances(cluster=ecs.cluster)["containerInstanceArns"]
    if not arns:
        return []
    answer = ecs.api.describe_container_instances(cluster=ecs.cluster, containerInstances=arns)
    found: list[dict[str, Any]] = answer["containerInstances"]
    return found


def left(host: dict[str, Any]) -> dict[str, int]:
    return {
        each["name"]: each["integerValue"] for each in host["remainingResources"] if each["type"] == "INTEGER"
    }


def test_a_host_shows_what_its_tasks_leave_of_it(ecs: Ecs) -> None:
    task = ecs.begin(ecs.define("sized", SLEEP | {"cpu": 512, "memory": 256}), launchType="EC2")
    ecs.in_state(task, "RUNNING")

    (host,) = hosts(ecs)

    assert (host["status"], host["agentConnected"], host["runningTasksCount"]) == ("ACTIVE", True, 1)
    assert left(host) == {"CPU": 2048 - 512, "MEMORY": SMALL_MEMORY - 256}
    assert ecs.task(task)["containerInstanceArn"] == host["containerInstanceArn"]
    reservations = ecs.cloud.client("ec2").describe_instances(InstanceIds=[host["ec2InstanceId"]])[
        "Reservations"
    ]
    assert [each["InstanceType"] for each in reservations[0]["Instances"]] == ["t3.small"]


def test_a_task_that_fits_on_no_host_is_refused_with_the_reason(ecs: Ecs) -> None:
    (host,) = hosts(ecs)
    reasons = []

    for need in ({"cpu": 4096}, {"memory": 4000}):
        definition = ecs.define("huge", SLEEP | need)
        answer = ecs.api.run_task(cluster=ecs.cluster, taskDefinition=definition, launchType="EC2")
        reasons += [(each["arn"], each["reason"]) for each in answer["failures"]]

    assert reasons == [
        (host["containerInstanceArn"], "RESOURCE:CPU"),
        (host["containerInstanceArn"], "RESOURCE:MEMORY"),
    ]


def test_a_cluster_without_hosts_takes_no_tasks(cloud: Cloud) -> None:
    cloud.client("ecs").create_cluster(clusterName="hostless")
    ecs = Ecs(cloud, "hostless")

    with pytest.raises(
        botocore.exceptions.ClientError, match="No Container Instances were found in your cluster"
    ):
        ecs.begin(ecs.define("nowhere", SLEEP), launchType="EC2")


def test_tasks_that_wait_for_capacity_get_another_host(ecs: Ecs) -> None:
    definition = ecs.define("growing", SLEEP | {"memory": 1200})

    answer = ecs.api.run_task(cluster=ecs.cluster, taskDefinition=definition, count=2)
    tasks = [ecs.in_state(each["taskArn"], "RUNNING") for each in answer["tasks"]]

    assert len({task["containerInstanceArn"] for task in tasks}) == 2
    assert len(hosts(ecs)) == 2


def test_without_capacity_tasks_stay_provisioning_until_there_is_some(ecs: Ecs) -> None:
    fault(ecs.cloud, fault="no-capacity", on=True)
    definition = ecs.define("patient", SLEEP | {"memory": 1200})

    answer = ecs.api.run_task(cluster=ecs.cluster, taskDefinition=definition, count=2)
    ecs.in_state(answer["tasks"][0]["taskArn"], "RUNNING")
    waiting = ecs.task(answer["tasks"][1]["taskArn"])["lastStatus"]
    fault(ecs.cloud, fault="no-capacity", on=False)

    assert waiting == "PROVISIONING"
    ecs.in_state(answer["tasks"][1]["taskArn"], "RUNNING")


def test_a_service_says_why_it_cannot_place_a_task(ecs: Ecs) -> None:
    (host,) = hosts(ecs)

    ecs.create("wide", ecs.define("wide", SLEEP | {"cpu": 4096}), launchType="EC2")
    wait_for("an event", lambda: ecs.events("wide"))

    assert ecs.events("wide")[0] == (
        "was unable to place a task because no container instance met all of its requirements. "
        f"The closest matching (container-instance {host['containerInstanceArn'].rsplit('/', 1)[-1]}) has insufficient "
        "CPU units available. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )


def test_tasks_leave_a_draining_host_once_others_have_taken_over(ecs: Ecs) -> None:
    ecs.cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName=ecs.cluster, DesiredCapacity=2)
    wait_for("two hosts", lambda: len(hosts(ecs)) == 2)
    check = {"healthCheck": {"command": HEALTH, "interval": 5}, "stopTimeout": 5}
    ecs.finished(ecs.create("moving", ecs.define("moving", check), launchType="EC2"))
    (old,) = ecs.tasks_of("moving")
    host = ecs.task(old)["containerInstanceArn"]

    ecs.api.update_container_instances_state(
        cluster=ecs.cluster, containerInstances=[host], status="DRAINING"
    )
    ended = ecs.ended(old)

    (new,) = ecs.tasks_of("moving")
    assert ecs.task(new)["containerInstanceArn"] != host
    assert ecs.task(new)["startedAt"] < ended["stoppingAt"]
    assert ended["stopCode"] == "ServiceSchedulerInitiated"


def test_a_group_that_grows_again_while_a_host_drains_gets_another_and_the_old_one_goes(ecs: Ecs) -> None:
    task = ecs.begin(ecs.define("lingering", SLEEP), launchType="EC2")
    ecs.in_state(task, "RUNNING")
    (old,) = hosts(ecs)
    groups = ecs.cloud.client("autoscaling")
    groups.update_auto_scaling_group(AutoScalingGroupName=ecs.cluster, MinSize=0, DesiredCapacity=0)
    wait_for("draining", lambda: [host["status"] for host in hosts(ecs)] == ["DRAINING"])

    groups.update_auto_scaling_group(AutoScalingGroupName=ecs.cluster, MinSize=1, DesiredCapacity=1)
    wait_for("a host that takes tasks", lambda: "ACTIVE" in [host["status"] for host in hosts(ecs)])
    ecs.api.stop_task(cluster=ecs.cluster, task=task)
    ecs.ended(task)

    (new,) = wait_for("one host", lambda: len(found := hosts(ecs)) == 1 and found)
    assert (new["status"], new["ec2InstanceId"] != old["ec2InstanceId"]) == ("ACTIVE", True)


def test_the_tasks_of_a_lost_host_have_no_exit_code_and_run_elsewhere(ecs: Ecs) -> None:
    ecs.finished(ecs.create("surviving", ecs.define("surviving", SLEEP), launchType="EC2"))
    (old,) = ecs.tasks_of("surviving")
    (host,) = hosts(ecs)

    status, _ = fault(ecs.cloud, fault="host-lost", instance=host["ec2InstanceId"])
    ended = ecs.ended(old)

    assert status == 200
    assert (ended["stopCode"], ended["containers"][0].get("exitCode")) == ("TerminationNotice", None)
    assert ended["stoppedReason"] == f"Host EC2 (instance {host['ec2InstanceId']}) terminated."
    wait_for("the replacement", lambda: ecs.service("surviving")["runningCount"] == 1)
    assert [each["ec2InstanceId"] for each in hosts(ecs)] != [host["ec2InstanceId"]]


def test_an_unknown_fault_is_refused(cloud: Cloud) -> None:
    assert fault(cloud, fault="earthquake") == (
        400, {"message": "unknown fault earthquake; should be no-capacity or host-lost"},
    )  # fmt: skip


def test_a_host_with_tasks_is_deregistered_only_by_force(ecs: Ecs) -> None:
    task = ecs.begin(ecs.define("sitting", SLEEP), launchType="EC2")
    ecs.in_state(task, "RUNNING")
    (host,) = hosts(ecs)
    values = {"cluster": ecs.cluster, "containerInstance": host["containerInstanceArn"]}

    with pytest.raises(botocore.exceptions.ClientError, match="Found running tasks on the instance"):
        ecs.api.deregister_container_instance(**values)
    gone = ecs.api.deregister_container_instance(**values, force=True)["containerInstance"]

    assert gone["status"] == "INACTIVE"
    ecs.ended(task)


def test_a_host_that_its_group_is_told_to_end_goes_with_its_tasks_and_another_comes(ecs: Ecs) -> None:
    (old,) = hosts(ecs)
    groups = ecs.cloud.client("autoscaling")

    groups.terminate_instance_in_auto_scaling_group(
        InstanceId=old["ec2InstanceId"], ShouldDecrementDesiredCapacity=False
    )

    new = wait_for("the successor", lambda: hosts(ecs))
    assert [each["ec2InstanceId"] for each in new] != [old["ec2InstanceId"]]
    with pytest.raises(botocore.exceptions.ClientError, match="No managed instance found for i-0"):
        groups.terminate_instance_in_auto_scaling_group(
            InstanceId="i-0", ShouldDecrementDesiredCapacity=False
        )
