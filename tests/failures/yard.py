"""A small project of three tiny services in a clone of its own, deployed by the real command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import aws_account
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "project"
COPIED = (
    "deploy.py",
    "requirements.lock",
    "infra",
    "images",
    "services/chassis",
    "services/requirements.lock",
)

# Two hosts of 2048 CPU units and about 1.9 GB; what waits for room gives up soon.
ENVIRONMENT = """
account = "000000000000"
region = "eu-west-1"
[hosts]
instance_types = ["t3.small"]
min = 2
max = 2
[database]
instance = "db.t3.micro"
[logs]
retention_days = 1
[deploy]
soak_seconds = 1
hosts_ready_seconds = 120
service_seconds = 400
task_seconds = 400
placement_seconds = 10
stack_seconds = 400
"""

PATIENT = "health = { interval = 60, timeout = 30, retries = 5, start_period = 60 }"
STRICT = "health = { interval = 5, timeout = 5, retries = 1, start_period = 0 }"
FRONT = """
description = "The door, which issues tokens as well"
public = true
[issuer]
[http]
port = 8080
health = "/health"
[processes.web]
command = ["python3", "-m", "front"]
cpu = 128
memory = 128
count = 2
stop_timeout = 2
[processes.web.health]
command = ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health')"]
interval = 60
timeout = 30
start_period = 60
"""


def process(
    name: str,
    *words: str,
    service: str = "shop",
    more: str = "",
    cpu: int = 128,
    memory: int = 64,
    health: str = PATIENT,
) -> str:
    """One process of a manifest; `words` are what service.py is told."""
    command = json.dumps(["python3", "-m", service, *words])
    size = f"cpu = {cpu}\nmemory = {memory}\nstop_timeout = 2\n{health}\n"
    return f"[processes.{name}]\ncommand = {command}\n{size}{more}\n"


def manifest(*processes: str, more: str = "", failures: int = 1) -> str:
    """A service's manifest with [http]."""
    http = "[http]\nport = 8080\nderegistration_seconds = 1\n"
    return f'description = "Tiny"\n{http}{more}\n[deployment]\nfailures = {failures}\n' + "".join(processes)


WEB = process("web", "web", "one", more="count = 2")
WORKER = process("worker", "work")
SHOP = manifest(WEB, WORKER)
STOCK = manifest(process("web", "web", "crates", service="stock"), more='[database]\nname = "stock"\n')


@dataclass(frozen=True)
class Ended:
    """How a command ended. `text` is all that it printed, `last` what stands from the failure on."""

    code: int
    seconds: float
    text: str

    @property
    def last(self) -> str:
        return self.text[self.text.rfind("the deploy failed after") :].partition("\n")[2]

    @property
    def sentence(self) -> str:
        return self.last.partition("\n")[0]


@dataclass
class Told:
    """Each failure with the sentence it was told in and the seconds until the command returned."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def add(self, failure: str, end: Ended) -> None:
        self.rows.append((failure, end.sentence, end.seconds))

    def table(self) -> str:
        lines = ["| failure | the sentence printed | seconds |", "| --- | --- | ---: |"]
        for failure, sentence, seconds in self.rows:
            # ECS's own words stand in the evidence below the sentence.
            escaped = re.sub(r" \([^()]{90,}\)", " (…)", sentence).replace("|", "\\|")
            lines.append(f"| {failure} | {escaped} | {seconds:.0f} |")
        return "\n".join(lines) + "\n"


@dataclass
class Yard:
    """The clone."""

    root: Path
    api_port: int = field(default_factory=free_port)
    edge_port: int = field(default_factory=free_port)

    def make(self) -> None:
        """Copy the tool, write the services."""
        for name in COPIED:
            source, target = ROOT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        (self.root / ".venv").symlink_to(ROOT / ".venv")
        (ROOT / ".estaleiro" / "wheels").mkdir(parents=True, exist_ok=True)
        (self.root / ".estaleiro").mkdir()
        (self.root / ".estaleiro/wheels").symlink_to(ROOT / ".estaleiro/wheels")
        for other in ("staging", "production"):
            (self.root / f"infra/environments/{other}.toml").unlink()
        (self.root / "infra/environments/local.toml").write_text(ENVIRONMENT)
        shutil.rmtree(self.root / "images/gateway")
        (self.root / "images/gateway").mkdir()
        shutil.copy2(PROJECT / "front.py", self.root / "images/gateway/front.py")
        shutil.copy2(PROJECT / "front.Dockerfile", self.root / "images/gateway/Dockerfile")
        for service, text in (("front", FRONT), ("shop", SHOP), ("stock", STOCK)):
            self.write(service, text)
        shutil.copytree(PROJECT / "migrations", self.root / "services/stock/migrations")

    def write(self, service: str, text: str) -> None:
        """Write a service's manifest, and its code."""
        folder = self.root / "services" / service
        folder.mkdir(exist_ok=True)
        (folder / "service.toml").write_text(text)
        if service != "front":
            shutil.copy2(PROJECT / "service.py", folder / "__main__.py")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        own = {"ESTALEIRO_API_PORT": str(self.api_port), "ESTALEIRO_EDGE_PORT": str(self.edge_port)}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return subprocess.Popen(
            [str(self.root / "deploy.py"), *words],
            cwd=self.root,
            env=kept | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> Ended:
        """Run a command to its end."""
        began = time.monotonic()
        return ended(self.start(*words), began)

    def client(self, service: str) -> Any:
        """A client of the local cloud's API."""
        return aws_account.client(
            service,
            region_name="eu-west-1",
            endpoint_url=f"http://127.0.0.1:{self.api_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stack(self, part: str) -> str:
        """The status of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=f"estaleiro-local-{part}")["Stacks"]
        return str(found[0]["StackStatus"])

    def output(self, part: str, key: str) -> str:
        """One output of a stack."""
        found = self.client("cloudformation").describe_stacks(StackName=f"estaleiro-local-{part}")["Stacks"]
        return next(str(one["OutputValue"]) for one in found[0]["Outputs"] if one["OutputKey"] == key)

    def ecs_service(self, part: str, process: str) -> tuple[str, str]:
        """The cluster and the ECS service of a process."""
        found = self.client("cloudformation").describe_stack_resources(StackName=f"estaleiro-local-{part}")
        arn = next(
            one["PhysicalResourceId"]
            for one in found["StackResources"]
            if one["LogicalResourceId"] == f"{process.capitalize()}Service"
        )
        return arn.split("/")[-2], arn.split("/")[-1]

    def running(self, part: str, process: str) -> str:
        """The task definition that a process runs."""
        cluster, name = self.ecs_service(part, process)
        found = self.client("ecs").describe_services(cluster=cluster, services=[name])["services"][0]
        return str(found["taskDefinition"])

    def deployments(self, part: str, process: str) -> list[dict[str, Any]]:
        """The service deployments of a process, newest first."""
        cluster, name = self.ecs_service(part, process)
        ecs = self.client("ecs")
        listed = ecs.list_service_deployments(cluster=cluster, service=name)["serviceDeployments"]
        arns = [one["serviceDeploymentArn"] for one in listed]
        found = ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return sorted(found, key=lambda one: one["createdAt"], reverse=True)

    def migrating_host(self) -> str:
        """The instance that runs stock's migration; empty while none does."""
        cluster, _ = self.ecs_service("stock", "web")
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=cluster, family="estaleiro-local-stock-migrate")["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        for task in tasks:
            if task["lastStatus"] == "RUNNING":
                host = ecs.describe_container_instances(
                    cluster=cluster, containerInstances=[task["containerInstanceArn"]]
                )
                return str(host["containerInstances"][0]["ec2InstanceId"])
        return ""

    def answer(self) -> str:
        """What shop answers through the door."""
        with urllib.request.urlopen(f"http://localhost:{self.edge_port}/shop/", timeout=10) as answer:
            return str(answer.read().decode())

    def load(self) -> Load:
        """Requests to shop through the door while a block runs."""
        return Load(f"http://localhost:{self.edge_port}/shop/")

    def switch(self, fault: str, **values: Any) -> None:
        """Switch a fault of the local cloud."""
        body = json.dumps({"fault": fault, **values}).encode()
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.api_port}/_local-cloud/faults", body, timeout=10
        ):
            pass


def eventually(question: Callable[[], Any], *, seconds: float = 60) -> Any:
    """Ask until the answer is truthy; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def ended(command: subprocess.Popen[str], began: float) -> Ended:
    """Wait for a command's end."""
    text, _ = command.communicate(timeout=600)
    print(text)  # for whoever asks why a test failed
    return Ended(command.returncode, time.monotonic() - began, text)


class Load:
    """Requests to one path, one after another, while a block runs; `answers` counts what came back."""

    def __init__(self, url: str) -> None:
        self.answers: Counter[str] = Counter()
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.03):
            try:
                with urllib.request.urlopen(self._url, timeout=10) as answer:
                    self.answers[answer.read().decode()] += 1
            except urllib.error.HTTPError as error:
                self.answers[str(error.code)] += 1
            except OSError as error:
                self.answers[str(error)] += 1
