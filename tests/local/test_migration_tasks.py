"""Migrations as one-off tasks on the engine: killed, run side by side, on a host that is lost, with no image to start."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.aws import Aws, connect
from infra.building.builder import Builder
from infra.docker import Engine
from infra.errors import EstaleiroError
from infra.images import describe, local_reference
from infra.local import engine
from infra.tasks.one_off import TaskRequest, TaskResult, TaskRunner
from tests.local.cloud import REGION, Cloud, wait_for
from tests.local.databases import Database, instance, template

ROOT = Path(__file__).parents[2]
SLEEPING = (
    "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(seconds)%'"
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of the service `yard` for this run alone; what it is made from is the project's own, and stays."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "images", root / "images")
    shutil.copytree(ROOT / "services" / "chassis", root / "services" / "chassis")
    shutil.copytree(Path(__file__).parent / "yard", root / "services" / "yard")
    (root / "services" / "yard" / "run.txt").write_text(uuid.uuid4().hex)
    shutil.copy(ROOT / "services" / "requirements.lock", root / "services")
    docker = Engine()
    images = describe(root, [("yard", "python")], docker.architecture())
    Builder(docker, lambda *event: None, cache=ROOT / ".estaleiro" / "wheels").build(images)
    reference = next(local_reference(one.tag) for one in images if one.name == "yard")
    yield reference
    engine.client().images.remove(reference, force=True)


@pytest.fixture(scope="module")
def database(cloud: Cloud) -> Iterator[Database]:
    outcome = cloud.deploy("migrated", template(instance()))
    assert outcome.failures == ()
    yield Database(
        cloud, cloud.resources("migrated")["Database"], outcome.outputs["Host"], outcome.outputs["Secret"]
    )
    assert cloud.delete("migrated").status == "DELETE_COMPLETE"


@dataclass(frozen=True)
class Yard:
    """A cluster with one host, where the migrations of `yard` run on a database of a test's own."""

    cloud: Cloud
    cluster: str
    image: str
    database: Database
    name: str

    def aws(self) -> Aws:
        own = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return connect(REGION, endpoint_url=self.cloud.settings.endpoint_url, environ=own)

    def connect(self) -> Any:
        return self.database.connect(dbname=self.name)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with self.connect() as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def tables(self) -> list[object]:
        found = self.query("SELECT tablename FROM pg_tables WHERE tablename LIKE 'step%' ORDER BY 1")
        return [name for (name,) in found]

    def revision(self) -> object:
        return self.query("SELECT version_num FROM alembic_version")[0][0]

    def request(self, image: str = "") -> TaskRequest:
        secret = self.database.secret
        variables = {
            "DATABASE_HOST": self.database.host,
            "DATABASE_NAME": self.name,
            "DATABASE_SSLMODE": "verify-full",
            "DATABASE_SSLROOTCERT": "/usr/share/rds/global-bundle.pem",
        }
        options = {
            "awslogs-group": f"/est/{self.cluster}",
            "awslogs-stream-prefix": "migrate",
            "awslogs-region": REGION,
        }
        container = {
            "name": "migrate",
            "image": image or self.image,
            "memory": 256,
            "linuxParameters": {"initProcessEnabled": True},
            "stopTimeout": 5,
            "command": ["python3", "-m", "chassis.migrate", "yard"],
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            "secrets": [
                {"name": "DATABASE_USER", "valueFrom": f"{secret}:username::"},
                {"name": "DATABASE_PASSWORD", "valueFrom": f"{secret}:password::"},
            ],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        }
        answer = self.cloud.client("ecs").register_task_definition(
            family=self.name, containerDefinitions=[container], networkMode="bridge"
        )
        definition = answer["taskDefinition"]["taskDefinitionArn"]
        token = uuid.uuid4().hex
        return TaskRequest(
            "yard", definition, self.cluster, f"/est/{self.cluster}", token, capacity_provider=self.cluster
        )

    def migrate(
        self, request: TaskRequest | None = None, lines: list[str] | None = None
    ) -> tuple[TaskResult, list[str]]:
        lines = [] if lines is None else lines
        return TaskRunner(self.aws(), line=lines.append).run(request or self.request()), lines


class Running:
    """A migration that runs beside the test."""

    def __init__(self, yard: Yard) -> None:
        self.lines: list[str] = []
        self._yard = yard
        self._ended: list[tuple[TaskResult, list[str]]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._ended.append(self._yard.migrate(lines=self.lines))

    @property
    def goes_on(self) -> bool:
        return self._thread.is_alive()

    def until_slow(self) -> None:
        """Wait for the slow revision; fail with the task's own words when it ended before."""
        wait_for("the slow revision", lambda: self._ended or self._yard.query(SLEEPING), seconds=90)
        assert self._ended == [], self._ended[0][0].explanation

    def end(self) -> tuple[TaskResult, list[str]]:
        self._thread.join(120)
        return self._ended[0]


@pytest.fixture(scope="module")
def cluster(cloud: Cloud) -> Iterator[str]:
    """A cluster whose group replaces a host that is lost."""
    name = f"migrations-{uuid.uuid4().hex[:6]}"
    api, groups = cloud.client("ecs"), cloud.client("autoscaling")
    template_id = cloud.client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.small", "ImageId": "ami-12345678"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    launch = {"LaunchTemplateId": template_id}
    size = {"MinSize": 1, "MaxSize": 2, "AvailabilityZones": ["eu-west-1a"]}
    groups.create_auto_scaling_group(AutoScalingGroupName=name, LaunchTemplate=launch, **size)
    (group,) = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    provider = {"autoScalingGroupArn": group["AutoScalingGroupARN"], "managedScaling": {"status": "ENABLED"}}
    api.create_capacity_provider(name=name, autoScalingGroupProvider=provider)
    api.create_cluster(clusterName=name)
    strategy = [{"capacityProvider": name, "weight": 1}]
    api.put_cluster_capacity_providers(
        cluster=name, capacityProviders=[name], defaultCapacityProviderStrategy=strategy
    )
    cloud.client("logs").create_log_group(logGroupName=f"/est/{name}")
    yield name
    groups.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    api.delete_cluster(cluster=name)


@pytest.fixture
def yard(cloud: Cloud, cluster: str, image: str, database: Database) -> Yard:
    """An empty database whose migration takes a minute."""
    name = f"yard_{uuid.uuid4().hex[:6]}"
    with database.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    made = Yard(cloud, cluster, image, database, name)
    made.query("CREATE TABLE pace (seconds int)")
    made.query("INSERT INTO pace VALUES (60)")
    return made


def kill(yard: Yard) -> None:
    """Kill -9 the container that migrates."""
    name = f"{yard.cloud.settings.name}-{yard.name}-"
    (container,) = engine.client().containers.list(filters={"name": name})
    container.kill(signal="SIGKILL")


def test_a_killed_container_fails_and_of_two_reruns_exactly_one_converges(yard: Yard) -> None:
    first = Running(yard)
    first.until_slow()
    kill(yard)
    result, lines = first.end()
    left = yard.tables()
    yard.query("UPDATE pace SET seconds = 0")
    reruns = [one.end() for one in [Running(yard), Running(yard)]]

    assert (result.succeeded, result.exit_code) == (False, 137)
    assert re.fullmatch(r"yard: applied 0001 in \d+\.\d\d s: Step 1", lines[1])
    assert result.tail == tuple(lines)
    assert left == ["step_1"]
    assert [rerun.succeeded for rerun, _ in reruns] == [True, True]
    assert sorted(sum("applied" in line for line in said) for _, said in reruns) == [0, 2]
    assert (yard.tables(), yard.revision()) == (["step_1", "step_2", "step_3"], "0003")


def test_a_host_lost_in_the_middle_is_a_failure_and_the_rerun_converges_elsewhere(yard: Yard) -> None:
    first = Running(yard)
    first.until_slow()
    api = yard.cloud.client("ecs")
    (arn,) = api.list_container_instances(cluster=yard.cluster)["containerInstanceArns"]
    found = api.describe_container_instances(cluster=yard.cluster, containerInstances=[arn])
    lost = found["containerInstances"][0]["ec2InstanceId"]
    lose(yard.cloud, lost)
    result, _ = first.end()
    yard.query("UPDATE pace SET seconds = 0")
    again, _ = yard.migrate()

    assert (result.succeeded, result.exit_code) == (False, None)
    assert result.cause.startswith("its host was lost before it ended")
    assert f"Host EC2 (instance {lost}) terminated." in result.cause
    assert again.succeeded, again.explanation
    assert yard.revision() == "0003"


def test_an_image_that_cannot_start_fails_with_the_reason_and_touches_nothing(yard: Yard) -> None:
    result, lines = yard.migrate(yard.request(image="estaleiro:yard-never-built"))

    assert (result.succeeded, result.exit_code, lines) == (False, None, [])
    assert result.cause.startswith("its image could not be pulled (CannotPullContainerError")
    assert yard.tables() == []


class Leaping:
    """A clock that leaps by `seconds` once the slow revision runs."""

    def __init__(self, yard: Yard, seconds: float) -> None:
        self.leapt = False
        self._yard = yard
        self._seconds = seconds
        self._looks = 0

    def __call__(self) -> float:
        self._looks += 1
        # The first two looks are where the waiting begins; the revision may be that quick to run.
        if not self.leapt and self._looks > 2:
            self.leapt = bool(self._yard.query(SLEEPING))
        return time.monotonic() + (self._seconds if self.leapt else 0)


def test_a_migration_past_its_deadline_is_stopped_and_rolled_back(yard: Yard) -> None:
    """An hour passes for the command as soon as the slow revision runs."""
    runner = TaskRunner(yard.aws(), clock=Leaping(yard, 3600))

    with pytest.raises(EstaleiroError) as error:
        pytest.fail(f"it ended by itself: {runner.run(yard.request())}")

    first, *lines = str(error.value).splitlines()
    assert first.startswith("a task of yard did not end within 3600 s and was stopped; look at its log")
    assert lines[1].startswith("  | yard: applied 0001 in ")
    wait_for("the statement to end", lambda: not yard.query(SLEEPING))
    assert (yard.tables(), yard.revision()) == (["step_1"], "0001")


@pytest.mark.slow
def test_a_migration_of_a_quarter_of_an_hour_is_waited_for(yard: Yard) -> None:
    """Fifteen minutes pass for the command while the slow revision runs."""
    yard.query("UPDATE pace SET seconds = 2")
    clock = Leaping(yard, 900)

    runner = TaskRunner(yard.aws(), clock=clock, sleep=lambda seconds: time.sleep(min(seconds, 0.2)))
    result = runner.run(yard.request())

    assert clock.leapt
    assert result.succeeded, result.explanation
    assert yard.revision() == "0003"


@pytest.mark.slow
def test_a_table_that_others_use_is_waited_for_and_readers_wait_no_longer_than_the_lock_timeout(
    yard: Yard,
) -> None:
    """The last revision wants `pace` for itself, which another session has read and not let go."""
    yard.query("UPDATE pace SET seconds = 0")
    longest = 0.0

    with yard.connect() as holder, yard.connect() as reader:
        holder.execute("BEGIN; SELECT * FROM pace")
        run = Running(yard)
        while "yard: a table is locked by others, trying again" not in run.lines:
            assert run.goes_on, run.end()[0].explanation
            began = time.monotonic()
            reader.execute("SELECT * FROM pace")
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.02)
        holder.execute("COMMIT")
        result, lines = run.end()

    assert result.succeeded, result.explanation
    assert lines[-1] == "yard: the schema is at 0003"
    assert 0.5 < longest < 2 + 1.5  # lock_timeout, and what a busy machine adds


def lose(cloud: Cloud, instance_id: str) -> None:
    """End a host without a word."""
    body = json.dumps({"fault": "host-lost", "instance": instance_id}).encode()
    urllib.request.urlopen(f"{cloud.settings.endpoint_url}/_local-cloud/faults", body).close()
