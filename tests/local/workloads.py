"""Tasks and services for tests: one image, task definitions with defaults, a web stack, and waiting for what should happen."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local import engine
from tests.local.cloud import Cloud, wait_for

IMAGE = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/est-test:workload"
HEALTH = ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health')"]


def build_image() -> None:
    """Build the tests' image; a second run takes it from the engine's cache."""
    engine.client().images.build(path=str(Path(__file__).parent / "workload"), tag=IMAGE, rm=True)


def log(group: str) -> dict[str, Any]:
    """Return what lets a container log to a group."""
    options = {"awslogs-group": group, "awslogs-stream-prefix": "job", "awslogs-region": "eu-west-1"}
    return {"logConfiguration": {"logDriver": "awslogs", "options": options}}


def end(task: dict[str, Any]) -> dict[str, Any]:
    """Return how a task ended, containers by name with code and reason."""
    containers = {each["name"]: (each.get("exitCode"), each.get("reason")) for each in task["containers"]}
    return {"stopCode": task["stopCode"], "stoppedReason": task["stoppedReason"], "containers": containers}


def python(source: str) -> list[str]:
    return ["python3", "-c", source]


@dataclass(frozen=True)
class Ecs:
    """A cluster of a test module's own, with the calls that its tests make again and again."""

    cloud: Cloud
    cluster: str

    @property
    def api(self) -> Any:
        return self.cloud.client("ecs")

    def define(self, family: str, *containers: dict[str, Any], **more: Any) -> str:
        """Register a task definition and return its ARN; containers get a name, the image and memory by default."""
        filled = [{"name": "main", "image": IMAGE, "memory": 64} | container for container in containers]
        values = {"networkMode": "bridge"} | more
        answer = self.api.register_task_definition(family=family, containerDefinitions=filled, **values)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def run(self, family: str, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Define a task, run it on Fargate and return it as it ended."""
        return self.ended(self.begin(self.define(family, *containers), **more))

    def begin(self, definition: str, **more: Any) -> str:
        values = {"launchType": "FARGATE"} | more
        answer = self.api.run_task(cluster=self.cluster, taskDefinition=definition, **values)
        assert answer["failures"] == []
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
        return found

    def ended(self, arn: str) -> dict[str, Any]:
        return self.in_state(arn, "STOPPED")

    def in_state(self, arn: str, state: str) -> dict[str, Any]:
        found: dict[str, Any] = wait_for(
            f"{arn} to be {state}", lambda: (task := self.task(arn))["lastStatus"] == state and task
        )
        return found

    def inspect(self, arn: str, container: str = "main") -> dict[str, Any]:
        """Return what the engine says of a running task's container."""
        (made,) = [
            each
            for each in engine.containers(self.cloud.settings, task=arn)
            if each.labels["com.amazonaws.ecs.container-name"] == container
        ]
        found: dict[str, Any] = engine.client().api.inspect_container(made.id)
        return found

    def is_up(self, arn: str) -> dict[str, Any]:
        """Wait until the tests' own server in the task listens for requests and signals, and return the task."""
        task = self.in_state(arn, "RUNNING")
        container = self.inspect(arn)["Id"]
        wait_for(f"{arn} to be up", lambda: b"up" in engine.client().api.logs(container))
        return task

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.describe_services(cluster=self.cluster, services=[name])["services"][
            0
        ]
        return found

    def create(self, name: str, definition: str, **more: Any) -> str:
        """Create a service of one task on Fargate and return its deployment's ARN."""
        values = {"desiredCount": 1, "launchType": "FARGATE"} | more
        answer = self.api.create_service(
            cluster=self.cluster, serviceName=name, taskDefinition=definition, **values
        )
        return str(answer["service"]["currentServiceDeployment"])

    def update(self, name: str, **changes: Any) -> str:
        answer = self.api.update_service(cluster=self.cluster, service=name, **changes)
        return str(answer["service"]["currentServiceDeployment"])

    def deployment(self, arn: str) -> dict[str, Any]:
        answer = self.api.describe_service_deployments(serviceDeploymentArns=[arn])
        found: dict[str, Any] = answer["serviceDeployments"][0]
        return found

    def finished(self, arn: str) -> dict[str, Any]:
        """Return a service deployment once it has ended, whichever way."""
        ends = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
        found: dict[str, Any] = wait_for(
            f"{arn} to end", lambda: (one := self.deployment(arn))["status"] in ends and one, seconds=60
        )
        return found

    def tasks_of(self, service: str) -> list[str]:
        """Return the ARNs of the service's tasks that are meant to run."""
        found: list[str] = self.api.list_tasks(cluster=self.cluster, serviceName=service)["taskArns"]
        return found

    def remove(self, service: str) -> None:
        """Delete a service and wait until its tasks are gone."""
        self.api.delete_service(cluster=self.cluster, service=service, force=True)
        wait_for(f"{service} to be gone", lambda: self.service(service)["status"] == "INACTIVE")

    def events(self, service: str) -> list[str]:
        """Return what the service has said, oldest first, without the part that names it."""
        found = reversed(self.service(service)["events"])
        return [event["message"].removeprefix(f"(service {service}) ") for event in found]


@dataclass
class Load:
    """Requests one after another in some threads, until stopped; `answers` counts what came back."""

    url: str
    host: str = ""
    threads: int = 4
    pause: float = 0.005
    answers: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Load:
        self._over = threading.Event()
        self._running = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._running:
            thread.join()

    def _ask(self, number: int) -> None:
        """Every thread's tenth request is a slow one, which a careless stop would cut off."""
        count = 0
        while not self._over.is_set():
            count += 1
            path = "/slow=0.5" if (count + number) % 10 == 0 else "/"
            self.answers[get(self.url + path, host=self.host)] += 1
            time.sleep(self.pause)


def get(url: str, *, host: str = "", data: bytes | None = None) -> str:
    """Return the answer's text, or `status: text` when it is an error."""
    request = urllib.request.Request(url, data=data, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code}: {error.read().decode()}"
    except OSError as error:
        return f"failed: {error}"
