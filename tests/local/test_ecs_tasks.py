"""One-off tasks: run as their definition says, ended as ECS words it."""

from __future__ import annotations

import json
import uuid

import botocore.exceptions
import pytest

from infra.local import engine
from tests.local.cloud import Cloud
from tests.local.workloads import Ecs, build_image, end, log, python


@pytest.fixture(scope="module")
def ecs(cloud: Cloud) -> Ecs:
    build_image()
    cloud.client("ecs").create_cluster(clusterName="tasks")
    return Ecs(cloud, "tasks")


@pytest.fixture(scope="module")
def group(cloud: Cloud) -> str:
    name = "/est/tasks"
    cloud.client("logs").create_log_group(logGroupName=name)
    return name


def test_a_task_tells_its_exit_code(ecs: Ecs) -> None:
    task = ecs.run("code", {"command": python("raise SystemExit(7)")})

    assert end(task) == {
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": {"main": (7, None)},
    }


def test_every_line_of_a_task_is_in_its_log_stream_once_it_has_stopped(ecs: Ecs, group: str) -> None:
    source = "import sys\nfor n in range(3000): print('line', n)\nprint('x' * 40000)\nsys.stdout.write('no newline')"

    task = ecs.run("lines", {"command": python(source)} | log(group))

    stream = f"job/main/{task['taskArn'].rsplit('/', 1)[-1]}"
    logs, found, token = ecs.cloud.client("logs"), [], {}
    while page := (answer := logs.get_log_events(
        logGroupName=group, logStreamName=stream, startFromHead=True, limit=1000, **token
    ))["events"]:  # fmt: skip
        found += [event["message"] for event in page]
        token = {"nextToken": answer["nextForwardToken"]}
    assert found == [*(f"line {number}" for number in range(3000)), "x" * 40000, "no newline"]


def test_overrides_and_secrets_reach_the_container(ecs: Ecs, group: str) -> None:
    secret = ecs.cloud.client("secretsmanager").create_secret(
        Name="est/tasks/login", SecretString=json.dumps({"password": "p4ss"})
    )["ARN"]
    ecs.cloud.client("ssm").put_parameter(Name="/est/tasks/color", Value="blue", Type="SecureString")
    source = "import os; print([os.environ[name] for name in ('KEPT', 'CHANGED', 'PASSWORD', 'COLOR')])"
    definition = ecs.define(
        "overridden",
        {
            "command": python("print('not this')"),
            "environment": [{"name": "KEPT", "value": "a"}, {"name": "CHANGED", "value": "b"}],
            "secrets": [
                {"name": "PASSWORD", "valueFrom": f"{secret}:password::"},
                {"name": "COLOR", "valueFrom": "/est/tasks/color"},
            ],
        }
        | log(group),
    )

    override = {"name": "main", "command": python(source), "environment": [{"name": "CHANGED", "value": "c"}]}
    task = ecs.ended(ecs.begin(definition, overrides={"containerOverrides": [override]}))

    stream = f"job/main/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = ecs.cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["['a', 'c', 'p4ss', 'blue']"]


def test_stopping_a_task_ends_it_with_sigterm(ecs: Ecs) -> None:
    arn = ecs.begin(ecs.define("polite", {"stopTimeout": 20}))
    ecs.is_up(arn)

    ecs.api.stop_task(cluster=ecs.cluster, task=arn, reason="no longer needed")

    assert end(ecs.ended(arn)) == {
        "stopCode": "UserInitiated",
        "stoppedReason": "no longer needed",
        "containers": {"main": (0, None)},
    }


def test_a_task_that_ignores_sigterm_is_killed_after_its_stop_timeout(ecs: Ecs) -> None:
    arn = ecs.begin(
        ecs.define("stubborn", {"stopTimeout": 2, "environment": [{"name": "STUBBORN", "value": "1"}]})
    )
    ecs.is_up(arn)

    ecs.api.stop_task(cluster=ecs.cluster, task=arn)
    task = ecs.ended(arn)

    assert task["containers"][0]["exitCode"] == 137
    assert 2 <= (task["stoppedAt"] - task["stoppingAt"]).total_seconds() < 15


def test_a_client_token_starts_a_task_once(ecs: Ecs) -> None:
    definition = ecs.define("once", {"command": python("pass")})
    values = {"clientToken": uuid.uuid4().hex, "startedBy": "test"}

    first, second = ecs.begin(definition, **values), ecs.begin(definition, **values)

    assert first == second
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException"):
        ecs.begin(definition, **(values | {"startedBy": "another"}))
    ecs.ended(first)


def test_the_engine_holds_a_container_to_its_definition(ecs: Ecs) -> None:
    definition = ecs.define(
        "held",
        {
            "cpu": 256,
            "memory": 128,
            "memoryReservation": 64,
            "user": "10001:10001",
            "readonlyRootFilesystem": True,
            "stopTimeout": 2,
            "ulimits": [{"name": "nofile", "softLimit": 2048, "hardLimit": 4096}],
            "dockerLabels": {"a": "b"},
            "portMappings": [{"containerPort": 8080}],
            "linuxParameters": {
                "initProcessEnabled": True,
                "capabilities": {"drop": ["ALL"]},
                "tmpfs": [{"containerPath": "/tmp", "size": 16, "mountOptions": ["noexec"]}],
            },
        },
    )
    arn = ecs.begin(definition)
    ecs.in_state(arn, "RUNNING")

    seen = ecs.inspect(arn)
    ecs.api.stop_task(cluster=ecs.cluster, task=arn)

    host = seen["HostConfig"]
    ports = seen["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {name: host[name] for name in ("CpuShares", "Memory", "MemorySwap", "MemoryReservation", "Init")} == {
        "CpuShares": 256, "Memory": 128 << 20, "MemorySwap": 128 << 20, "MemoryReservation": 64 << 20, "Init": True,
    }  # fmt: skip
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Tmpfs"]) == (
        True,
        ["ALL"],
        {"/tmp": "size=16m,noexec"},
    )
    assert [(each["Name"], each["Soft"], each["Hard"]) for each in host["Ulimits"]] == [
        ("nofile", 2048, 4096)
    ]
    assert (seen["Config"]["User"], seen["Config"]["Labels"]["a"]) == ("10001:10001", "b")
    assert seen["Config"]["Labels"][engine.LABEL] == ecs.cloud.settings.name
    assert [each["HostIp"] for each in ports] == ["127.0.0.1"]


def test_a_container_reaches_aws_as_its_task_role(ecs: Ecs, group: str) -> None:
    source = (
        "import os, urllib.request as r\n"
        "trusted = open('/usr/share/rds/global-bundle.pem').read(27)\n"
        "meta = r.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/task').read().decode()\n"
        "import json; print(json.dumps([trusted, json.loads(meta)['Family'], os.environ['AWS_REGION'],\n"
        "  r.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_ministack/health').status]))"
    )
    definition = ecs.define("reaching", {"command": python(source)} | log(group))

    task = ecs.ended(ecs.begin(definition))

    stream = f"job/main/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = ecs.cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
    assert [json.loads(event["message"]) for event in events] == [
        ["-----BEGIN CERTIFICATE-----", "reaching", "eu-west-1", 200]
    ]
