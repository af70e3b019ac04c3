"""The local cloud as a process: started once, stopped, killed, interrupted and destroyed, with nothing lost
and nothing left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import engine, interrupted, pin, process
from infra.local.errors import LocalCloudError, PortInUse
from infra.local.settings import Settings
from tests.local import cloud as clouds
from tests.local.cloud import Cloud, wait_for
from tests.local.databases import Database, instance, template
from tests.local.templates import ref, resource


@pytest.fixture
def own(tmp_path: Path, postgres_image: str) -> Iterator[Settings]:
    """Settings of a local cloud of the test's own; whatever it started is removed."""
    settings = clouds.settings(tmp_path / "state", postgres_image)
    yield settings
    process.destroy(settings)


CONTENTS = {
    "Queue": resource("SQS::Queue"),
    "Bucket": resource("S3::Bucket"),
    "Logs": resource("Logs::LogGroup", {"LogGroupName": "/kept"}),
    "Secret": resource("SecretsManager::Secret", {"GenerateSecretString": {"PasswordLength": 20}}),
}


def fill(cloud: Cloud) -> dict[str, Any]:
    """Deploy a stack with a database, put something into each resource, and return what should be there later."""
    made = template(instance(), **CONTENTS)
    made["Outputs"]["SecretArn"] = {"Value": ref("Secret")}
    outcome = cloud.deploy("kept", made)
    ids = cloud.resources("kept")
    cloud.client("sqs").send_message(QueueUrl=ids["Queue"], MessageBody="m")
    cloud.client("s3").put_object(Bucket=ids["Bucket"], Key="k", Body=b"v")
    logs = cloud.client("logs")
    logs.create_log_stream(logGroupName="/kept", logStreamName="s")
    logs.put_log_events(
        logGroupName="/kept",
        logStreamName="s",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": "line"}],
    )
    with database_of(cloud, outcome.outputs).connect() as connection:
        connection.execute("CREATE DATABASE kept")
    return contents(cloud)


def database_of(cloud: Cloud, outputs: Any) -> Database:
    return Database(cloud, cloud.resources("kept")["Database"], outputs["Host"], outputs["Secret"])


def contents(cloud: Cloud) -> dict[str, Any]:
    """Return all that `fill` put there, as the cloud shows it now."""
    stack = cloud.client("cloudformation").describe_stacks(StackName="kept")["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    ids = cloud.resources("kept")
    database = database_of(cloud, outputs)
    wait_for("the database", database.is_available)
    with database.connect(dbname="kept") as connection:
        row = connection.execute("SELECT current_database()").fetchone()
    received = cloud.client("sqs").receive_message(QueueUrl=ids["Queue"], VisibilityTimeout=0)
    events = cloud.client("logs").get_log_events(logGroupName="/kept", logStreamName="s")["events"]
    return {
        "status": stack["StackStatus"],
        "ids": ids,
        "row": row,
        "messages": [each["Body"] for each in received.get("Messages", [])],
        "object": cloud.client("s3").get_object(Bucket=ids["Bucket"], Key="k")["Body"].read(),
        "lines": [each["message"] for each in events],
        "secret": cloud.client("secretsmanager").get_secret_value(SecretId=outputs["SecretArn"])[
            "SecretString"
        ],
    }


@pytest.mark.slow
def test_nothing_is_lost_over_a_clean_stop_and_a_kill(own: Settings) -> None:
    cloud = Cloud(own)
    process.ensure(own)
    before = fill(cloud)

    process.stop(own)
    stopped = process.running(own)
    process.ensure(own)
    after_stop = contents(cloud)
    cloud.client("sqs").send_message(QueueUrl=after_stop["ids"]["Queue"], MessageBody="late")
    time.sleep(1)  # a second is what the cloud takes to save; what it promises
    os.kill(process.ensure(own).pid, signal.SIGKILL)
    process.ensure(own)
    after_kill = contents(cloud)
    messages = cloud.client("sqs").get_queue_attributes(
        QueueUrl=after_stop["ids"]["Queue"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]

    assert before["messages"] == ["m"] and before["lines"] == ["line"]
    assert stopped is None
    assert after_stop == before
    assert after_kill | {"messages": None} == before | {"messages": None}
    assert messages == {"ApproximateNumberOfMessages": "2"}


def test_destroying_leaves_no_process_container_volume_network_or_folder(own: Settings) -> None:
    pid = process.ensure(own).pid
    Cloud(own).deploy("brief", template(instance()))

    removed = process.destroy(own)

    kinds = sorted(line.split()[0] for line in removed)
    assert kinds == ["container", "folder", "network", "process", "volume"]
    assert (engine.owned(own), own.state.exists(), process.running(own)) == ([], False, None)
    assert not Path(f"/proc/{pid}/cmdline").exists() or Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    assert process.destroy(own) == []


def test_a_second_call_finds_the_first_ones_cloud(own: Settings) -> None:
    first = process.ensure(own)

    second = process.ensure(own)

    assert first == second == process.running(own)


def test_two_commands_at_once_start_one_cloud(own: Settings) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(process.ensure(own).pid)) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 3 and len(set(found)) == 1


def test_it_survives_the_command_that_started_it(own: Settings, tmp_path: Path) -> None:
    from infra.local import settings as settings_

    settings_.write(own, tmp_path / "settings.json")
    program = (
        "import sys, pathlib; from infra.local import process, settings;"
        "print(process.ensure(settings.read(pathlib.Path(sys.argv[1]))).pid)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "settings.json")],
        capture_output=True,
        text=True,
        check=True,
    )

    found = process.running(own)
    assert found is not None and str(found.pid) == printed.stdout.strip()


def test_a_port_that_something_else_holds_is_named_and_nothing_is_made(own: Settings) -> None:
    with socket.create_server(("127.0.0.1", own.edge_port)), pytest.raises(PortInUse) as refusal:
        process.ensure(own)

    assert str(refusal.value) == (
        f"port {own.edge_port} on 127.0.0.1 is in use by another process; stop it, or choose another port"
    )
    assert not own.state.exists()
    assert engine.owned(own) == []


def test_a_stranger_on_the_api_port_is_not_taken_for_the_cloud(own: Settings) -> None:
    def greet(stranger: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                stranger.accept()[0].sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

    with socket.create_server(("127.0.0.1", own.api_port)) as stranger:
        threading.Thread(target=greet, args=(stranger,), daemon=True).start()

        with pytest.raises(PortInUse, match=f"port {own.api_port} on 127.0.0.1 is in use by another process"):
            process.running(own)


def test_a_stale_process_id_is_not_believed(own: Settings) -> None:
    own.state.mkdir(parents=True)
    (own.state / "server.pid").write_text(str(os.getpid()))

    process.stop(own)

    assert process.ensure(own).pid != os.getpid()


@pytest.mark.slow
def test_an_operation_cut_short_can_be_rolled_back_or_deleted(own: Settings) -> None:
    cloud = Cloud(own)
    process.ensure(own)
    queue = {"Queue": resource("SQS::Queue", {"VisibilityTimeout": 10})}
    cloud.deploy("updating", {"Resources": queue})
    slow = resource("RDS::DBInstance", instance(), DeletionPolicy="Delete", DependsOn="Queue")
    longer = {"Queue": resource("SQS::Queue", {"VisibilityTimeout": 20}), "Database": slow}
    cloudformation = cloud.client("cloudformation")
    made = cloud.change_set("updating", {"Resources": longer})
    cloudformation.execute_change_set(StackName="updating", ChangeSetName=made["ChangeSetName"])
    wait_for("the database", lambda: cloud.client("rds").describe_db_instances()["DBInstances"])
    time.sleep(0.6)

    os.kill(process.ensure(own).pid, signal.SIGKILL)
    process.ensure(own)
    found = cloudformation.describe_stacks(StackName="updating")["Stacks"][0]
    cloudformation.continue_update_rollback(StackName="updating")
    continued = cloud.outcome("updating").status

    assert (found["StackStatus"], found["StackStatusReason"]) == (
        "UPDATE_ROLLBACK_FAILED",
        interrupted.REASON,
    )
    assert continued == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.delete("updating").status == "DELETE_COMPLETE"


WAITING_SERVICE = {
    "Cluster": resource("ECS::Cluster"),
    "Task": resource(
        "ECS::TaskDefinition",
        {"Family": "idle", "ContainerDefinitions": [{"Name": "idle", "Image": "idle", "Memory": 64}]},
    ),
    # Without a host its only task waits for ever, and the stack for it.
    "Service": resource(
        "ECS::Service", {"Cluster": ref("Cluster"), "TaskDefinition": ref("Task"), "DesiredCount": 1}
    ),
}
SNAPSHOT = {"Database": resource("RDS::DBInstance", instance(), DeletionPolicy="Snapshot")}


def made(cloud: Cloud) -> list[str]:
    """The ARNs of what takes a stack so long that it is cut short in it."""
    ecs, rds = cloud.client("ecs"), cloud.client("rds")
    services = [
        name
        for cluster in ecs.list_clusters()["clusterArns"]
        for name in ecs.list_services(cluster=cluster)["serviceArns"]
    ]
    return services + [one["DBInstanceArn"] for one in rds.describe_db_instances()["DBInstances"]]


@pytest.mark.parametrize("resources", [WAITING_SERVICE, SNAPSHOT], ids=["a service", "a database"])
def test_what_was_being_made_when_the_cloud_was_killed_goes_with_its_stack(
    own: Settings, resources: dict[str, Any]
) -> None:
    cloud = Cloud(own)
    process.ensure(own)
    wanted = cloud.change_set("cut", {"Resources": resources})
    cloud.client("cloudformation").execute_change_set(StackName="cut", ChangeSetName=wanted["ChangeSetName"])
    wait_for("the slow one", lambda: made(cloud))
    time.sleep(0.8)

    os.kill(process.ensure(own).pid, signal.SIGKILL)
    process.ensure(own)
    (before,) = made(cloud)
    ended = cloud.delete("cut")

    assert (ended.status, made(cloud)) == ("DELETE_COMPLETE", []), before


def test_another_ministack_function_than_the_pinned_one_is_named() -> None:
    with pytest.raises(LocalCloudError, match=r"^ministack\.services\.rds\._get_docker is not the function"):
        pin.original("services.rds._get_docker", sha="000000000000")


def test_a_function_that_is_gone_is_named() -> None:
    with pytest.raises(
        LocalCloudError, match=r"^ministack\.services\.rds\._no_such is not .* \(source missing"
    ):
        pin.original("services.rds._no_such", sha="000000000000")
